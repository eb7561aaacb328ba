"""From due rows to recorded answers: claim, send, write down.

No page is lost: a claim is a lease, and a worker that dies leaves `attempts` ahead of `recorded`, so the next one knows
that a copy may have arrived and marks its own as repeated. A page leaves twice only when that is not known.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction

from incidents.paging import message
from incidents.paging.models import AckLink, Delivery, EscalationStep, Page, PagerEndpoint
from incidents.paging.pagers import base, webhook
from incidents.paging.retry import Outcome, RetryReason, Verdict, next_try
from incidents.response.lifecycle import State
from incidents.response.models import Incident, TimelineEntry
from incidents.response.timeline import TimelineKind
from observability.core import claims, fields, tokens

log = logging.getLogger(__name__)

BATCH = 50
THREADS = 16
#: 50 pages through 16 threads of 10 s each take 40 s at worst; then another worker may have them.
LEASE = timedelta(seconds=90)
ACK_LINK_LIFETIME = timedelta(hours=24)
LONGEST_ERROR = 300


@dataclass(frozen=True, slots=True)
class Copy:
    """One copy of a page, ready to leave; without a secret it cannot."""

    page: Page
    url: str
    secret: str | None
    body: bytes
    at: int


def claim(*, now: datetime) -> list[Copy]:
    """Lease what is due and prepare it: mint the acknowledge links, note that a try begins."""
    claimed = claims.claim(Page.objects.filter(state=Page.State.PENDING), now=now, lease=LEASE, limit=BATCH)
    if not claimed:
        return []
    with transaction.atomic():
        related = ("incident", "incident__service", "organisation", "user", "endpoint")
        found = Page.objects.filter(pk__in=[page.pk for page in claimed]).select_related(*related)
        pages = [page for page in found.defer("endpoint__secret").order_by("due_at", "pk") if not _cancelled(page)]
        _note_lost_tries(pages, now)
        for page in pages:
            page.attempts += 1
        Page.objects.bulk_update(pages, ["attempts", "uncertain"])
        secrets = _secrets(pages)
        return [_copy(page, secrets[page.endpoint_id], now) for page in pages]


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
    """Write down how the try ended and what follows from it."""
    ended_at = now + timedelta(seconds=seconds)
    with transaction.atomic():
        # The incident first, as everyone does who holds both.
        incident = Incident.objects.select_for_update(no_key=True).get(pk=copy.page.incident_id)
        page = Page.objects.select_for_update(no_key=True).get(pk=copy.page.pk)
        repeated = page.uncertain
        following = next_try(outcome=outcome, attempt=copy.page.attempts, ended_at=ended_at, give_up_at=page.give_up_at)
        mine = page.attempts == copy.page.attempts
        page.uncertain = page.uncertain or outcome.arrived is None
        if mine:
            page.recorded, page.lease_until = page.attempts, None
        if following.verdict is Verdict.SENT:
            _sent(page, incident, copy, ended_at)
        elif page.state != Page.State.PENDING or not mine:
            pass  # answered, or in the hands of a later try: nothing follows from this one
        elif following.verdict is Verdict.FAILED:
            _failed(page, incident, copy, following.reason, outcome.error, ended_at)
        elif following.due_at is not None:
            page.due_at = following.due_at
        page.save(update_fields=["state", "recorded", "lease_until", "uncertain", "sent_at", "closed_reason", "due_at"])
        Delivery.objects.create(
            organisation_id=page.organisation_id,
            page=page,
            attempt=copy.page.attempts,
            at=ended_at,
            outcome=_named(outcome),
            status_code=outcome.status_code,
            error=outcome.error[:LONGEST_ERROR],
            seconds=seconds,
            repeated=repeated,
        )
    return page


def _cancelled(page: Page) -> bool:
    """An answer cancels its pages in its own transaction; this catches what was decided in the same instant."""
    state = page.incident.state
    stale = {
        Page.Kind.OPENED: state != State.OPEN,
        Page.Kind.ESCALATED: state != State.OPEN,
        Page.Kind.RAISED: state == State.RESOLVED,
        Page.Kind.RESOLVED: state != State.RESOLVED,
    }[Page.Kind(page.kind)]
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


def _copy(page: Page, secret: str | None, now: datetime) -> Copy:
    acknowledge_url = None
    if page.kind != Page.Kind.RESOLVED:
        plain, hashed = tokens.new_token()
        AckLink.objects.create(
            page=page, user=page.user, token_hash=hashed, created_at=now, expires_at=now + ACK_LINK_LIFETIME
        )
        acknowledge_url = f"{settings.TAILWATCH_BASE_URL}/ack/{plain}/"
    body = message.body(_message(page, acknowledge_url))
    return Copy(page=page, url=page.endpoint.url, secret=secret, body=body, at=int(now.timestamp()))


def _message(page: Page, acknowledge_url: str | None) -> message.Message:
    incident, base_url = page.incident, settings.TAILWATCH_BASE_URL
    return message.Message(
        kind=page.kind,
        page=page.pk,
        attempt=page.attempts,
        repeated=page.uncertain,
        dedup_key=page.dedup_key,
        organisation=page.organisation.slug,
        number=incident.number,
        title=incident.title,
        headline=incident.headline,
        severity=incident.severity,
        state=incident.state,
        service=incident.service.slug if incident.service else None,
        leaf=incident.leaf or None,
        confidence=incident.confidence,
        impact_started_at=incident.impact_started_at,
        opened_at=incident.opened_at,
        resolved_at=incident.resolved_at,
        recipient=str(page.user),
        reason=page.reason,
        simulated=incident.simulated,
        incident_url=f"{base_url}/incidents/{incident.number}/",
        runbook_url=f"{base_url}/runbooks/{incident.runbook}/" if incident.runbook else None,
        acknowledge_url=acknowledge_url,
    )


def _timed(copy: Copy, transport: base.Transport) -> tuple[Copy, Outcome, float]:
    began = time.perf_counter()
    if copy.secret is None:
        unreadable = "the endpoint's secret was stored with another SECRET_KEY; enter it again"
        return copy, Outcome(status_code=None, error=unreadable, permanent=True, arrived=False), 0.0
    try:
        outcome = webhook.send(
            url=copy.url,
            secret=copy.secret,
            body=copy.body,
            page_key=f"{copy.page.dedup_key}-{copy.page.pk}",
            at=copy.at,
            transport=transport,
        )
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


def _sent(page: Page, incident: Incident, copy: Copy, at: datetime) -> None:
    if page.state in {Page.State.PENDING, Page.State.CANCELLED}:
        page.state, page.sent_at = Page.State.SENT, at
    if page.kind == Page.Kind.RESOLVED:
        return
    if incident.first_paged_at is None:
        incident.first_paged_at = at
    incident.changed_at = max(incident.changed_at, at)
    incident.save(update_fields=["first_paged_at", "changed_at"])
    payload = {
        "user": str(copy.page.user),
        "channel": copy.page.endpoint.name,
        "reason": page.reason,
        "page": page.pk,
        "attempt": copy.page.attempts,
    }
    TimelineEntry.objects.write(incident=incident, kind=TimelineKind.PAGED, at=at, payload=payload)


def _failed(page: Page, incident: Incident, copy: Copy, reason: RetryReason, error: str, at: datetime) -> None:
    page.state, page.closed_reason = Page.State.FAILED, f"{reason}: {error}"[:LONGEST_ERROR]
    payload = {"user": str(copy.page.user), "channel": copy.page.endpoint.name, "reason": page.closed_reason}
    TimelineEntry.objects.write(
        incident=incident, kind=TimelineKind.DELIVERY_FAILED, at=at, payload={**payload, "page": page.pk}
    )
    Incident.objects.filter(pk=incident.pk).update(changed_at=max(incident.changed_at, at))
    hopes = Page.objects.filter(step_id=page.step_id, state__in=[Page.State.PENDING, Page.State.SENT])
    if page.step_id is not None and not hopes.exclude(pk=page.pk).exists():
        # Nobody was reached by this step: the next one need not wait for an answer that cannot come.
        EscalationStep.objects.filter(
            incident=incident, run=incident.escalation_run, state=EscalationStep.State.PENDING, due_at__gt=at
        ).update(due_at=at)
