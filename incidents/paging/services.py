"""Decide whom to tell, send what is due, escalate what nobody answered, look for what was forgotten.

Everything here is called with the incident's row locked where it changes an incident, so that an answer and an
escalation never cross. A decision is a row first; sending happens afterwards and may happen anywhere.
"""

from __future__ import annotations

import logging
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from django.conf import settings
from django.db import transaction

from incidents.oncall.queries import policy_for
from incidents.paging import channels, escalation, queries, retry
from incidents.paging.endpoints import services as endpoints
from incidents.paging.escalation import Action, EscalationReason, History, Policy
from incidents.paging.models import AckLink, DemoMessage, EscalationStep, Page, PagerEndpoint
from incidents.paging.pagers import base, outbox
from incidents.paging.signature import SignatureVerdict, verify
from incidents.response.lifecycle import State
from incidents.response.models import Incident, TimelineEntry
from incidents.response.timeline import TimelineKind
from observability.core import claims, outbound, tokens
from observability.core.models import Organisation, User
from observability.core.permissions import Actor

log = logging.getLogger(__name__)

STEP_LEASE = timedelta(seconds=60)
STEPS_AT_ONCE = 50


class LinkVerdict(StrEnum):
    """What an acknowledge link is worth now."""

    GOOD = "good"
    UNKNOWN = "unknown"
    USED = "used"
    EXPIRED = "expired"


@dataclass(frozen=True, slots=True)
class AuditReport:
    """What the auditor found, and how many of them it put right."""

    overdue_pages: int
    overdue_steps: int
    lost_escalations: int
    mended: int

    @property
    def clean(self) -> bool:
        return not (self.overdue_pages or self.overdue_steps or self.lost_escalations)


# ---- decide -----------------------------------------------------------------------------------------------------


def begin(*, incident: Incident, now: datetime) -> None:
    """Start telling people: snapshot the policy into the incident and take the first step. Needs the incident locked."""
    outside = queries.escalates_outside(incident=incident)
    policy = policy_for(organisation=incident.organisation, service=incident.service, slug=incident.policy_slug)
    incident.escalation = {"outside": outside.name} if outside is not None else escalation.snapshot(policy)
    incident.escalation_run += 1
    incident.save(update_fields=["escalation", "escalation_run"])
    _tell_rooms(incident, now)
    if outside is None:
        advance(incident=incident, now=now)


def _tell_rooms(incident: Incident, now: datetime) -> None:
    """Rooms and vendors' services hear of it as it begins, whoever is on call."""
    write_pages(
        incident=incident,
        endpoints=queries.rooms(incident=incident).defer("secret"),
        kind=Page.Kind.OPENED,
        reason="everyone there hears it",
        decision=f"run {incident.escalation_run} rooms",
        now=now,
    )


def advance(*, incident: Incident, now: datetime) -> None:
    """Take every step that is due and leave the next one as a row with its due time. Needs the incident locked."""
    policy = escalation.from_snapshot(incident.escalation)
    undeliverable = queries.last_undeliverable(incident=incident)
    while True:
        step = escalation.next_step(policy=policy, history=_history(incident, undeliverable), now=now)
        if step.action is Action.STOP or step.person is None or step.due_at is None:
            if step.reason in {EscalationReason.NOBODY, EscalationReason.EXHAUSTED}:
                _note_the_end(incident, step.reason, now)
            return
        # The policy is a snapshot: who is in it may have been deleted since.
        user = User.objects.filter(pk=step.person.user_id).first()
        decided = {"user": user, "reason": step.reason.value, "due_at": step.due_at}
        row, _ = EscalationStep.objects.update_or_create(
            incident=incident,
            run=incident.escalation_run,
            number=step.number,
            defaults=decided,
            create_defaults={**decided, "organisation_id": incident.organisation_id, "created_at": now},
        )
        if step.action is Action.WAIT:
            return
        undeliverable = not _take(incident=incident, row=row, name=step.person.name, policy=policy, now=now)


def raised(*, incident: Incident, now: datetime) -> None:
    """The severity rose: tell those who were told before; where nobody was, begin. Needs the incident locked."""
    if not incident.escalation_run and incident.state == State.OPEN:
        begin(incident=incident, now=now)
        return
    # Pages still in the outbox are written when they leave: they carry the new severity without being told.
    told = queries.told(incident=incident)
    reason = f"raised to SEV{incident.severity}"
    decision = f"{reason} at {now.isoformat(timespec='milliseconds')}"
    write_pages(incident=incident, endpoints=told, kind=Page.Kind.RAISED, reason=reason, decision=decision, now=now)


def acknowledged(*, incident: Incident, by: str, now: datetime) -> None:
    """Cancel what is under way, and say who is on it where that is heard. Needs the incident locked."""
    told = queries.told(incident=incident)
    reason = f"acknowledged by {by}"
    cancel(incident=incident, reason=reason, now=now)
    decision = f"acknowledged in run {incident.escalation_run} at {now.isoformat(timespec='seconds')}"
    write_pages(
        incident=incident, endpoints=told, kind=Page.Kind.ACKNOWLEDGED, reason=reason, decision=decision[:64], now=now
    )


def resolved(*, incident: Incident, now: datetime) -> None:
    """Cancel what is under way, then tell those who were told before that it is over. Needs the incident locked."""
    told = queries.told(incident=incident)
    cancel(incident=incident, reason="resolved", now=now)
    write_pages(
        incident=incident,
        endpoints=told,
        kind=Page.Kind.RESOLVED,
        reason=incident.resolved_reason or "resolved",
        decision=f"resolved in run {incident.escalation_run}",
        now=now,
    )


def cancel(*, incident: Incident, reason: str, now: datetime) -> None:
    """Somebody answered, or it is over: no pending page or step of the incident is needed any more."""
    incident.pages.filter(state=Page.State.PENDING).update(
        state=Page.State.CANCELLED, closed_reason=reason, lease_until=None
    )
    incident.escalation_steps.filter(state=EscalationStep.State.PENDING).update(
        state=EscalationStep.State.CANCELLED, done_at=now, reason=reason[:64]
    )


def write_pages(
    *,
    incident: Incident,
    endpoints: Iterable[PagerEndpoint],
    kind: Page.Kind,
    reason: str,
    decision: str,
    now: datetime,
    step: EscalationStep | None = None,
) -> None:
    """Put one page an endpoint into the outbox, where its kind hears such. The same decision twice is one page."""
    Page.objects.bulk_create(
        (
            Page(
                organisation_id=incident.organisation_id,
                incident=incident,
                user_id=endpoint.user_id,
                endpoint=endpoint,
                step=step,
                kind=kind,
                reason=reason,
                decision=decision,
                dedup_key=dedup_key(incident),
                created_at=now,
                due_at=now,
                give_up_at=now + retry.GIVE_UP_AFTER,
            )
            for endpoint in endpoints
            if endpoint.ready and channels.hears(endpoint.kind, kind)
        ),
        ignore_conflicts=True,
    )


def dedup_key(incident: Incident) -> str:
    """One key an incident, so that receivers fold its messages: tailwatch-acme-INC-4."""
    return f"tailwatch-{incident.organisation.slug}-{incident.name}"


def _take(*, incident: Incident, row: EscalationStep, name: str, policy: Policy, now: datetime) -> bool:
    """Tell the step's person now; False where they have no pager, which the timeline then says."""
    row.state, row.done_at = EscalationStep.State.DONE, now
    row.save(update_fields=["state", "done_at"])
    if row.number > 1:
        TimelineEntry.objects.write(
            incident=incident, kind=TimelineKind.ESCALATED, at=now, payload={"user": name, "reason": row.reason}
        )
    endpoints = (
        list(queries.pagers(incident=incident, users=[row.user_id]).defer("secret")) if row.user_id is not None else []
    )
    if not endpoints:
        if row.number <= len(policy.people):
            TimelineEntry.objects.write(
                incident=incident,
                kind=TimelineKind.DELIVERY_FAILED,
                at=now,
                payload={"user": name, "reason": "this person has no pager"},
            )
        return False
    write_pages(
        incident=incident,
        endpoints=endpoints,
        kind=Page.Kind.OPENED if row.number == 1 else Page.Kind.ESCALATED,
        reason=row.reason,
        decision=f"run {row.run} step {row.number}",
        now=now,
        step=row,
    )
    return True


def _history(incident: Incident, undeliverable: bool) -> History:
    taken = incident.escalation_steps.filter(run=incident.escalation_run, state=EscalationStep.State.DONE)
    return History(
        told_at=[at for at in taken.order_by("number").values_list("done_at", flat=True) if at is not None],
        answered=incident.state in {State.ACKNOWLEDGED, State.MITIGATED},
        resolved=incident.state == State.RESOLVED,
        last_undeliverable=undeliverable,
        passed_on=incident.escalation_steps.filter(
            run=incident.escalation_run, state=EscalationStep.State.PENDING, reason=EscalationReason.PASSED_ON
        ).exists(),
    )


def _note_the_end(incident: Incident, reason: EscalationReason, now: datetime) -> None:
    log.error("%s: %s, escalation ends", incident.name, reason)
    TimelineEntry.objects.write(
        incident=incident, kind=TimelineKind.DELIVERY_FAILED, at=now, payload={"user": None, "reason": reason.value}
    )


# ---- do what is due ---------------------------------------------------------------------------------------------


def deliver_due(*, now: datetime, transport: base.Transport | None = None) -> int:
    """Send up to 50 due pages and write the answers down; how many were tried."""
    copies = outbox.claim(now=now) if queries.any_page_due(now=now) else []
    for copy, outcome, seconds in outbox.send_all(copies, transport=transport or outbound.post):
        try:
            page = outbox.record(copy=copy, outcome=outcome, seconds=seconds, now=now)
        except Exception:
            # The lease runs out and the page is sent again, marked as repeated; the others are written down now.
            log.exception("page %s: the answer could not be written down", copy.page.pk)
        else:
            log.info("page %s, try %s: %s %s", page.pk, copy.page.attempts, page.state, outcome.error)
    return len(copies)


def escalate_due(*, now: datetime) -> int:
    """Take the escalation steps that are due; how many were."""
    if not queries.any_step_due(now=now):
        return 0
    pending = EscalationStep.objects.filter(state=EscalationStep.State.PENDING)
    claimed = claims.claim(pending, now=now, lease=STEP_LEASE, limit=STEPS_AT_ONCE)
    for step in claimed:
        try:
            _take_due(step, now)
        except Exception:
            # The lease runs out and it is taken again; the others are taken now.
            log.exception("escalation step %s could not be taken", step.pk)
    return len(claimed)


def _take_due(step: EscalationStep, now: datetime) -> None:
    with transaction.atomic():
        incident = Incident.objects.select_for_update(no_key=True).get(pk=step.incident_id)
        if incident.state == State.OPEN and incident.escalation_run == step.run:
            advance(incident=incident, now=now)
        else:
            cancel(incident=incident, reason=incident.state, now=now)


def audit_pages(*, now: datetime) -> AuditReport:
    """Look for pages and steps that should have happened, put right what rows can put right, report the rest.

    Overdue steps are taken; an unanswered incident whose next step is missing gets it; one that reached nobody is paged
    for anew once somebody can be reached.
    """
    pages = list(queries.overdue_pages(now=now)[:STEPS_AT_ONCE])
    overdue_steps = queries.overdue_steps(now=now).count()
    stuck = list(queries.stuck_escalations())
    lost = [incident for incident in stuck if not queries.at_its_end(incident=incident)]
    mended = escalate_due(now=now) if overdue_steps else 0
    for incident in stuck:
        try:
            mended += _mend(incident, now)
        except Exception:
            log.exception("%s: its escalation could not be continued", incident.name)
    report = AuditReport(
        overdue_pages=len(pages), overdue_steps=overdue_steps, lost_escalations=len(lost), mended=mended
    )
    if not report.clean:
        log.error("the page auditor found %s; overdue pages: %s", report, [page.pk for page in pages])
    return report


def _mend(incident: Incident, now: datetime) -> bool:
    """Continue an escalation that lost its next step, or begin anew where the last run could reach nobody."""
    with transaction.atomic():
        locked = Incident.objects.select_for_update(no_key=True, of=("self",)).select_related("organisation", "service")
        incident = locked.get(pk=incident.pk)
        if incident.state != State.OPEN:
            return False
        if not queries.at_its_end(incident=incident):
            advance(incident=incident, now=now)
            return True
        if not queries.reachable_now(incident=incident):
            return False
        begin(incident=incident, now=now)
        return True


# ---- links and endpoints ----------------------------------------------------------------------------------------


def find_link(*, token: str, now: datetime, lock: bool = False) -> tuple[LinkVerdict, AckLink | None]:
    """The link of a token and what it is worth. With `lock` its row is held until the transaction ends."""
    links = AckLink.objects.select_related("user", "page__incident__organisation", "page__incident__service")
    if lock:
        links = links.select_for_update(of=("self",))
    link = links.filter(token_hash=tokens.hash_token(token)).first()
    if link is None:
        return LinkVerdict.UNKNOWN, None
    if link.used_at is not None:
        return LinkVerdict.USED, link
    return (LinkVerdict.EXPIRED if link.expires_at <= now else LinkVerdict.GOOD), link


def add_endpoint(
    *, organisation: Organisation, user: User, url: str, actor: Actor, now: datetime, name: str = "Webhook"
) -> tuple[PagerEndpoint, str]:
    """A webhook that reaches `user`, and the secret that signs its messages: shown once, kept encrypted."""
    secret = secrets.token_urlsafe(32)
    made = PagerEndpoint(organisation=organisation, user=user, url=url, name=name, secret=secret, created_at=now)
    return endpoints.save(endpoint=made, actor=actor, now=now), secret


def add_demo_pager(*, organisation: Organisation, user: User, actor: Actor, now: datetime) -> PagerEndpoint:
    """The person's demo pager: a webhook that ends at this very server. Asked for again, it is the one there is."""
    found = PagerEndpoint.objects.filter(organisation=organisation, user=user, kind=PagerEndpoint.Kind.DEMO).first()
    if found is not None:
        return found
    plain, hashed = tokens.new_token()
    made = PagerEndpoint(
        organisation=organisation,
        user=user,
        kind=PagerEndpoint.Kind.DEMO,
        name="Demo pager",
        url=f"{settings.TAILWATCH_BASE_URL}/demo/pager/inbox/{plain}/",
        secret=secrets.token_urlsafe(32),
        inbox_token_hash=hashed,
        created_at=now,
    )
    return endpoints.save(endpoint=made, actor=actor, now=now)


def receive_demo_message(
    *, token: str, body: bytes, signature: str, payload: dict[str, object], now: datetime
) -> DemoMessage | None:
    """Keep a message for the demo pager's phone; None where the token or the signature is wrong."""
    endpoint = PagerEndpoint.objects.filter(
        kind=PagerEndpoint.Kind.DEMO, inbox_token_hash=tokens.hash_token(token)
    ).first()
    if endpoint is None or verify(secret=endpoint.secret, body=body, header=signature) is not SignatureVerdict.GOOD:
        return None
    return DemoMessage.objects.create(
        organisation_id=endpoint.organisation_id,
        endpoint=endpoint,
        received_at=now,
        dedup_key=str(payload.get("dedup_key", ""))[:100],
        payload=payload,
    )
