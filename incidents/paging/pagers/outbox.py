"""From due rows to recorded answers: claim, send, write down.

No page is lost: a claim is a lease, and a worker that dies leaves `attempts` ahead of `recorded`, so the next one knows
that a copy may have arrived and marks its own as repeated. A page leaves twice only when that is not known.

What waits together leaves together: of several pages of one incident to one endpoint the newest counts, and where people read
them one by one (texts, calls, mail) the pages of a storm become one message. An endpoint gets no more a minute than it takes.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import QuerySet

from incidents.paging import message
from incidents.paging.models import AckLink, Carrier, Delivery, EscalationStep, Page, PagerEndpoint, SlackApp
from incidents.paging.pagers import base, batch
from incidents.paging.retry import Outcome, Verdict, next_try
from incidents.response.lifecycle import State
from incidents.response.models import Incident, TimelineEntry
from incidents.response.timeline import TimelineKind
from observability.core import claims, fields, tokens
from observability.core.models import User

log = logging.getLogger(__name__)

BATCH = 50
THREADS = 16
#: 50 pages through 16 threads of 10 s each take 40 s at worst; then another worker may have them.
LEASE = timedelta(seconds=90)
ACK_LINK_LIFETIME = timedelta(hours=24)
LONGEST_ERROR = 300


@dataclass(frozen=True, slots=True)
class Copy:
    """One copy of a page, ready to leave; without a letter it cannot. `riders`: other pages that this one message tells."""

    page: Page
    letter: base.Letter | None
    riders: tuple[Page, ...] = ()
    why_not: str = ""


def claim(*, now: datetime) -> list[Copy]:
    """Lease what is due and prepare it: mint the acknowledge links, note that a try begins."""
    claimed = claims.claim(Page.objects.filter(state=Page.State.PENDING), now=now, lease=LEASE, limit=BATCH)
    if not claimed:
        return []
    with transaction.atomic():
        related = ("incident", "incident__service", "organisation", "user", "endpoint", "endpoint__user")
        found = Page.objects.filter(pk__in=[page.pk for page in claimed]).select_related(*related)
        pages = [page for page in found.defer("endpoint__secret").order_by("due_at", "pk") if not _cancelled(page)]
        pages = batch.within_limits(batch.newest_of_each(pages), now=now)
        _note_lost_tries(pages, now)
        for page in pages:
            page.attempts += 1
        Page.objects.bulk_update(pages, ["attempts", "uncertain"])
        secrets = _secrets(pages)
        accounts, answering = _accounts(pages), _answering(pages)
        return [_copy(together, secrets, accounts, answering, now) for together in batch.bundled(pages)]


def send_all(copies: list[Copy], *, transport: base.Transport) -> Iterator[tuple[Copy, Outcome, float]]:
    """Each copy with its outcome and seconds, as they end. Threads send and touch no database."""
    if not copies:
        return
    if len(copies) <= 1:
        yield from (_timed(copy, transport) for copy in copies)
        return
    with ThreadPoolExecutor(max_workers=min(THREADS, len(copies)), thread_name_prefix="page") as pool:
        for done in as_completed([pool.submit(_timed, copy, transport) for copy in copies]):
            yield done.result()


def record(*, copy: Copy, outcome: Outcome, seconds: float, now: datetime) -> Page:
    """Write down how the try ended and what follows from it, for each page that the message told."""
    for rider in copy.riders:
        _record(rider, outcome, seconds, now, told_with=copy.page)
    return _record(copy.page, outcome, seconds, now)


def _record(tried: Page, outcome: Outcome, seconds: float, now: datetime, told_with: Page | None = None) -> Page:
    ended_at = now + timedelta(seconds=seconds)
    with transaction.atomic():
        # The incident first, as everyone does who holds both.
        incident = Incident.objects.select_for_update(no_key=True).get(pk=tried.incident_id)
        page = Page.objects.select_for_update(no_key=True).get(pk=tried.pk)
        repeated = page.uncertain
        following = next_try(
            outcome=outcome,
            attempt=tried.attempts,
            ended_at=ended_at,
            give_up_at=page.give_up_at,
            copy=repeated,
            folds=tried.endpoint.channel.folds,
        )
        mine = page.attempts == tried.attempts
        page.uncertain = page.uncertain or outcome.arrived is None
        if mine:
            page.recorded, page.lease_until = page.attempts, None
        reported = _reported(page, tried) if following.verdict is Verdict.SENT else ""
        if reported:
            _failed(page, incident, tried, reported, ended_at)
        elif following.verdict is Verdict.SENT:
            page.vendor_key = outcome.answer[:64] if tried.endpoint.kind in {"sms", "voice"} else ""
            _sent(page, incident, tried, ended_at)
        elif page.state != Page.State.PENDING or not mine:
            pass  # answered, or in the hands of a later try: nothing follows from this one
        elif following.verdict is Verdict.FAILED:
            _failed(page, incident, tried, f"{following.reason}: {outcome.error}", ended_at)
        elif following.due_at is not None:
            page.due_at = following.due_at
        page.save(
            update_fields=[
                "state", "recorded", "lease_until", "uncertain", "sent_at", "closed_reason", "due_at", "vendor_key",
            ]
        )  # fmt: skip
        told = f"told together with page {told_with.pk}; " if told_with is not None else ""
        Delivery.objects.create(
            organisation_id=page.organisation_id,
            page=page,
            attempt=tried.attempts,
            at=ended_at,
            outcome=_named(outcome),
            status_code=outcome.status_code,
            error=f"{told}{outcome.error}".removesuffix("; ")[:LONGEST_ERROR],
            seconds=seconds,
            repeated=repeated,
        )
    return page


def not_reached(*, page: Page, reason: str, now: datetime) -> bool:
    """The vendor took it and says later that it did not arrive: the next person is told at once. False: known already."""
    with transaction.atomic():
        incident = Incident.objects.select_for_update(no_key=True).get(pk=page.incident_id)
        page = (
            Page.objects.select_for_update(no_key=True, of=("self",)).select_related("endpoint__user").get(pk=page.pk)
        )
        on_its_way = page.state == Page.State.PENDING and page.recorded < page.attempts
        if page.state != Page.State.SENT and not on_its_way:
            return False
        if not on_its_way:  # else what follows is decided when the answer to the try is written down
            _failed(page, incident, page, reason, now)
            page.save(update_fields=["state", "closed_reason"])
        Delivery.objects.create(
            organisation_id=page.organisation_id,
            page=page,
            attempt=page.attempts,
            at=now,
            outcome=Delivery.Outcome.NOT_REACHED,
            error=reason[:LONGEST_ERROR],
        )
    return True


def _reported(page: Page, tried: Page) -> str:
    """What the carrier said of this very try before we had written down that it took it; "" where nothing."""
    if tried.endpoint.kind not in {"sms", "voice"}:
        return ""
    said = page.deliveries.filter(attempt=tried.attempts, outcome=Delivery.Outcome.NOT_REACHED)
    return said.values_list("error", flat=True).first() or ""


def is_stale(*, page: Page, state: str) -> bool:
    """Whether an incident in this state makes the page untrue: that somebody is on it, where the answer has expired since."""
    return {
        Page.Kind.OPENED: state != State.OPEN,
        Page.Kind.ESCALATED: state != State.OPEN,
        Page.Kind.RAISED: state == State.RESOLVED,
        Page.Kind.ASKED: state == State.RESOLVED,
        Page.Kind.REMINDED: state == State.RESOLVED,
        Page.Kind.ACKNOWLEDGED: state not in {State.ACKNOWLEDGED, State.MITIGATED},
        Page.Kind.RESOLVED: state != State.RESOLVED,
    }[Page.Kind(page.kind)]


def _cancelled(page: Page) -> bool:
    """An answer cancels its pages in its own transaction; this catches what was decided in the same instant, or waited."""
    state = page.incident.state
    stale = is_stale(page=page, state=state)
    if stale:
        pending = Page.objects.filter(pk=page.pk, state=Page.State.PENDING)
        pending.update(state=Page.State.CANCELLED, closed_reason=state, lease_until=None)
    return stale


def _note_lost_tries(pages: list[Page], now: datetime) -> None:
    lost = [page for page in pages if page.attempts > page.recorded]
    for page in lost:
        page.uncertain = True
        page.recorded = page.attempts
        Page.objects.filter(pk=page.pk).update(recorded=page.recorded)
    Delivery.objects.bulk_create(
        Delivery(
            organisation_id=page.organisation_id,
            page=page,
            attempt=page.attempts,
            at=now,
            outcome=Delivery.Outcome.LOST,
            error="the worker that sent it died before it wrote the answer",
        )
        for page in lost
    )


def _secrets(pages: list[Page]) -> dict[int, str | None]:
    """The endpoints' secrets, one by one: one that cannot be read must not keep the others' pages."""
    found: dict[int, str | None] = {}
    for endpoint_id in {page.endpoint_id for page in pages}:
        try:
            found[endpoint_id] = PagerEndpoint.objects.values_list("secret", flat=True).get(pk=endpoint_id)
        except fields.SecretUnreadableError:
            found[endpoint_id] = None
    return found


def _accounts(pages: list[Page]) -> dict[int, tuple[base.Account, ...]]:
    """The carrier accounts of each organisation whose pages need one."""
    needing = {page.organisation_id for page in pages if page.endpoint.kind in {"sms", "voice"}}
    found: dict[int, tuple[base.Account, ...]] = {}
    for organisation_id in needing:
        rows = Carrier.objects.filter(organisation=organisation_id, enabled=True)
        found[organisation_id] = tuple(
            base.Account(row.name, row.url, row.account, row.secret, row.sender) for row in _readable(rows)
        )
    return found


def _answering(pages: list[Page]) -> frozenset[int]:
    """The organisations whose Slack app answers buttons, of those whose pages go to Slack."""
    asked = {page.organisation_id for page in pages if page.endpoint.kind == PagerEndpoint.Kind.SLACK}
    if not asked:
        return frozenset()
    return frozenset(SlackApp.objects.filter(organisation__in=asked).values_list("organisation_id", flat=True))


def _readable(rows: QuerySet[Carrier]) -> Iterator[Carrier]:
    for pk in rows.values_list("pk", flat=True):
        try:
            yield Carrier.objects.get(pk=pk)
        except fields.SecretUnreadableError:
            log.exception("the secret of carrier %s was stored with another SECRET_KEY; enter it again", pk)


def _copy(
    together: list[Page],
    secrets: Mapping[int, str | None],
    accounts: Mapping[int, tuple[base.Account, ...]],
    answering: frozenset[int],
    now: datetime,
) -> Copy:
    page, *riders = together
    endpoint, secret = page.endpoint, secrets[page.endpoint_id]
    if secret is None or not endpoint.ready or (page.user is not None and not page.user.is_active):
        return Copy(page=page, letter=None, riders=tuple(riders), why_not=_why_not(page, secret))
    calls = page.kind in {Page.Kind.OPENED, Page.Kind.ESCALATED, Page.Kind.RAISED, Page.Kind.ASKED}
    acknowledge_url = _link(page, page.user, now) if calls and not riders and page.user is not None else None
    letter = base.Letter(
        kind=endpoint.kind,
        message=_message(page, acknowledge_url, riders),
        url=endpoint.url,
        address=endpoint.address,
        secret=secret,
        options=endpoint.options,
        key=f"{page.dedup_key}-{page.pk}",
        at=int(now.timestamp()),
        page=page.pk,
        attempt=page.attempts,
        accounts=accounts.get(page.organisation_id, ()),
        answer_url=f"{settings.TAILWATCH_BASE_URL}/answers/twilio/{page.pk}/",
        interactive=page.organisation_id in answering,
    )
    return Copy(page=page, letter=letter, riders=tuple(riders))


def _why_not(page: Page, secret: str | None) -> str:
    if page.user is not None and not page.user.is_active:
        return f"{page.user} has left"
    if not page.endpoint.ready:
        return f"{page.endpoint.name} is switched off, or its number has not been verified"
    return "the endpoint's secret was stored with another SECRET_KEY; enter it again" if secret is None else ""


def _link(page: Page, person: User, now: datetime) -> str:
    """A fresh link that acknowledges as the page's person; a call's leads to what the call says."""
    plain, hashed = tokens.new_token()
    AckLink.objects.create(
        page=page, user=person, token_hash=hashed, created_at=now, expires_at=now + ACK_LINK_LIFETIME
    )
    path = "answers/voice" if page.endpoint.kind == PagerEndpoint.Kind.VOICE else "ack"
    return f"{settings.TAILWATCH_BASE_URL}/{path}/{plain}/"


def spoken_message(page: Page) -> message.Message:
    """What a call says of its page, as the incident is now."""
    return _message(page, None, ())


def _message(page: Page, acknowledge_url: str | None, riders: Sequence[Page]) -> message.Message:
    incident, base_url = page.incident, settings.TAILWATCH_BASE_URL
    others = ", ".join(f"{rider.incident.name} (SEV{rider.incident.severity})" for rider in riders)
    return message.Message(
        kind=page.kind,
        page=page.pk,
        attempt=page.attempts,
        repeated=any(one.uncertain for one in (page, *riders)),
        dedup_key=page.dedup_key,
        organisation=page.organisation.slug,
        number=incident.number,
        title=incident.title,
        headline=f"{incident.headline or incident.title} And {len(riders)} more: {others}."
        if riders
        else incident.headline,
        severity=incident.severity,
        state=incident.state,
        service=incident.service.slug if incident.service else None,
        leaf=incident.leaf or None,
        confidence=incident.confidence,
        impact_started_at=incident.impact_started_at,
        opened_at=incident.opened_at,
        resolved_at=incident.resolved_at,
        recipient=page.endpoint.recipient,
        reason=page.reason,
        simulated=incident.simulated,
        incident_url=f"{base_url}/" if riders else f"{base_url}/incidents/{incident.number}/",
        runbook_url=f"{base_url}/runbooks/{incident.runbook}/" if incident.runbook else None,
        acknowledge_url=acknowledge_url,
    )


def _timed(copy: Copy, transport: base.Transport) -> tuple[Copy, Outcome, float]:
    began = time.perf_counter()
    if copy.letter is None:
        return copy, Outcome(status_code=None, error=copy.why_not, permanent=True, arrived=False), 0.0
    try:
        outcome = base.vendor(copy.letter.kind).send(copy.letter, transport=transport)
    except Exception as error:
        # Whatever breaks here is this page's: the tries beside it are written down, or they would all be made again.
        log.exception("page %s could not be sent", copy.page.pk)
        outcome = Outcome(status_code=None, error=f"{type(error).__name__}: {error}", permanent=False, arrived=None)
    return copy, outcome, time.perf_counter() - began


def _named(outcome: Outcome) -> Delivery.Outcome:
    if outcome.accepted:
        return Delivery.Outcome.ACCEPTED
    if outcome.permanent:
        return Delivery.Outcome.REFUSED
    return Delivery.Outcome.UNKNOWN if outcome.arrived is None else Delivery.Outcome.TRY_AGAIN


def _sent(page: Page, incident: Incident, tried: Page, at: datetime) -> None:
    if page.state in {Page.State.PENDING, Page.State.CANCELLED}:
        page.state, page.sent_at = Page.State.SENT, at
    if page.kind in {Page.Kind.RESOLVED, Page.Kind.ACKNOWLEDGED, Page.Kind.REMINDED}:
        return
    if incident.first_paged_at is None:
        incident.first_paged_at = at
    incident.changed_at = max(incident.changed_at, at)
    incident.save(update_fields=["first_paged_at", "changed_at"])
    payload = {
        "user": tried.endpoint.recipient,
        "channel": tried.endpoint.name,
        "reason": page.reason,
        "page": page.pk,
        "attempt": tried.attempts,
    }
    TimelineEntry.objects.write(incident=incident, kind=TimelineKind.PAGED, at=at, payload=payload)


def _failed(page: Page, incident: Incident, tried: Page, reason: str, at: datetime) -> None:
    page.state, page.closed_reason = Page.State.FAILED, reason[:LONGEST_ERROR]
    payload = {"user": tried.endpoint.recipient, "channel": tried.endpoint.name, "reason": page.closed_reason}
    TimelineEntry.objects.write(
        incident=incident, kind=TimelineKind.DELIVERY_FAILED, at=at, payload={**payload, "page": page.pk}
    )
    Incident.objects.filter(pk=incident.pk).update(changed_at=max(incident.changed_at, at))
    hopes = Page.objects.filter(step_id=page.step_id, state__in=[Page.State.PENDING, Page.State.SENT])
    step = incident.escalation_steps.filter(pages=page, run=incident.escalation_run).first()
    if step is not None and not hopes.exclude(pk=page.pk).exists():
        # Nobody was reached by this step: the one after it need not wait for an answer that cannot come.
        following = incident.escalation_steps.filter(run=step.run, number=step.number + 1)
        following.filter(state=EscalationStep.State.PENDING, due_at__gt=at).update(due_at=at)
