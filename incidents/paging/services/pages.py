"""Write pages into the outbox, cancel them, send what is due.

Everything here that changes an incident is called with its row locked, so that an answer and an escalation never cross.
A decision is a row first; sending happens afterwards and may happen anywhere.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta

from incidents.drills import queries as drills
from incidents.paging import channels, queries, retry
from incidents.paging.models import EscalationStep, Page, PagerEndpoint
from incidents.paging.pagers import base, outbox
from incidents.response.models import Incident
from observability.core import claims, outbound, questions

log = logging.getLogger(__name__)

DELIVER = "incidents.paging.tasks.deliver_due"


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
    """Somebody answered, or it is over: no pending page or step of the incident is needed any more.

    Who was asked to join by name is still wanted until it is resolved.
    """
    wanted = [Page.Kind.ASKED] if incident.is_open else []
    incident.pages.filter(state=Page.State.PENDING).exclude(kind__in=wanted).update(
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
    due: Mapping[int, Sequence[datetime]] | None = None,
) -> None:
    """Put one page an endpoint into the outbox, or one at each of its instants in `due`, where its kind hears such.

    The same decision twice is one page. What is due leaves as soon as this is committed. Every page is written here: of a drill's
    incident only those to the inboxes of the people who take part, whoever asks for more; of any other none to those inboxes.
    """
    inboxes = drills.participants(incident=incident) if incident.drill else set()
    Page.objects.bulk_create(
        (
            Page(
                organisation_id=incident.organisation_id,
                incident=incident,
                user_id=endpoint.user_id,
                endpoint=endpoint,
                step=step,
                kind=kind,
                reason=reason[:100],
                decision=decision if not place else f"{decision} again {place}",
                dedup_key=dedup_key(incident),
                created_at=now,
                due_at=due_at,
                give_up_at=due_at + _patience(endpoint, kind),
            )
            for endpoint in endpoints
            if endpoint.ready and channels.hears(endpoint.kind, kind)
            if endpoint.drill == incident.drill and (not incident.drill or endpoint.user_id in inboxes)
            for place, due_at in enumerate([now] if due is None else due.get(endpoint.pk, ()))
        ),
        ignore_conflicts=True,
    )
    claims.nudge(DELIVER)


def _patience(endpoint: PagerEndpoint, kind: Page.Kind) -> timedelta:
    hands_over = endpoint.escalates and kind == Page.Kind.OPENED
    return retry.HAND_BACK_AFTER if hands_over else retry.GIVE_UP_AFTER


def dedup_key(incident: Incident) -> str:
    """One key an incident, so that receivers fold its messages: tailwatch-acme-INC-4."""
    return f"tailwatch-{incident.organisation.slug}-{incident.name}"


@questions.first(queries.ANY_PAGE_DUE)
def deliver_due(*, now: datetime, transport: base.Transport | None = None) -> int:
    """Send up to 50 due pages and write the answers down; how many were tried."""
    copies = outbox.claim(now=now)
    if copies and queries.ANY_PAGE_DUE.holds(now=now):
        claims.nudge(DELIVER)  # more than one batch: another worker takes the next while these are on their way
    for copy, outcome, seconds in outbox.send_all(copies, transport=transport or outbound.post):
        try:
            page = outbox.record(copy=copy, outcome=outcome, seconds=seconds, now=now)
        except Exception:
            # The lease runs out and the page is sent again, marked as repeated; the others are written down now.
            log.exception("page %s: the answer could not be written down", copy.page.pk)
        else:
            log.info("page %s, try %s: %s %s", page.pk, copy.page.attempts, page.state, outcome.error)
    return len(copies)
