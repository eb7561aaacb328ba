"""Look for pages and steps that should have happened, put right what can be, report the rest, and say so to the outside."""

from __future__ import annotations

import json
import logging
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import QuerySet

from incidents.paging import queries
from incidents.paging.services.escalate import STEPS_AT_ONCE, advance, begin, escalate_due
from incidents.response.lifecycle import State
from incidents.response.models import Incident
from observability.core import claims, outbound, services
from observability.core.models import Heartbeat

log = logging.getLogger(__name__)

#: The heartbeat row that a clean audit leaves.
CLEAN = "audit:clean"
#: The auditor looks once a minute; a clean look older than this says nothing about now.
STALE_AFTER = timedelta(minutes=3)
#: So many escalations a look at most: mending one costs tens of milliseconds, and pages wait behind it.
MENDED_AT_ONCE = 50
LOOKS_EVERY_SECONDS = 60


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


def audit_pages(*, now: datetime) -> AuditReport:
    """Look for pages and steps that should have happened, put right what rows can put right, report the rest.

    Overdue steps are taken; an unanswered incident whose next step is missing gets it; one that reached nobody is paged
    for anew once somebody can be reached.
    """
    if not queries.anything_amiss(now=now):
        services.beat(part=CLEAN, now=now)
        return AuditReport(overdue_pages=0, overdue_steps=0, lost_escalations=0, mended=0)
    pages = list(queries.overdue_pages(now=now).values_list("pk", flat=True)[:STEPS_AT_ONCE])
    overdue_steps = queries.overdue_steps(now=now).count()
    stuck = _in_turn(queries.stuck_escalations(), now)
    lost = [incident for incident in stuck if not queries.at_its_end(incident=incident)]
    mended = escalate_due(now=now) if overdue_steps else 0
    mended += sum(
        claims.each(stuck, lambda incident: _mend(incident, now), failed="%s: the escalation could not be continued")
    )
    report = AuditReport(
        overdue_pages=len(pages), overdue_steps=overdue_steps, lost_escalations=len(lost), mended=mended
    )
    if report.clean:
        services.beat(part=CLEAN, now=now)
    else:
        log.error("the page auditor found %s; overdue pages: %s", report, pages)
    return report


def _in_turn(found: QuerySet[Incident], now: datetime) -> list[Incident]:
    """Fifty of them, the next fifty at the next look: what nothing can mend must not keep the others from their turn."""
    keys = list(found.values_list("pk", flat=True))
    look = int(now.timestamp()) // LOOKS_EVERY_SECONDS
    first = look * MENDED_AT_ONCE % len(keys) if keys else 0
    return list(found.filter(pk__in=(keys[first:] + keys[:first])[:MENDED_AT_ONCE]))


def report_health(*, now: datetime) -> bool:
    """Tell the outside that pages leave, only while the last audit was clean; whether it was told.

    Whoever watches `TAILWATCH_HEARTBEAT_URL` raises the alarm when nothing comes: it hears of what we cannot say ourselves.
    """
    clean = Heartbeat.objects.filter(part=CLEAN, at__gte=now - STALE_AFTER).values_list("at", flat=True).first()
    if not settings.TAILWATCH_HEARTBEAT_URL or clean is None:
        return False
    body = json.dumps({"audited_at": clean.isoformat(), **asdict(queries.outbox(now=now))}).encode()
    try:
        answer = outbound.post(
            url=settings.TAILWATCH_HEARTBEAT_URL, body=body, headers={"Content-Type": "application/json"}
        )
    except outbound.OutboundError as error:
        log.warning("the heartbeat could not be sent: %s", error)
        return False
    return 200 <= answer.status_code < 300


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
        if not queries.reachable_now(incident=incident, now=now):
            return False
        begin(incident=incident, now=now)
        return True
