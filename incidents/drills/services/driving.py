"""Drills that are due: faults whose time is up are stopped, what is over is scored."""

from __future__ import annotations

from datetime import datetime, timedelta

import httpx
from django.db import transaction

from incidents.drills import queries
from incidents.drills.models import Drill
from incidents.drills.services.fleet import DrillRefused, say
from incidents.drills.services.scoring import of_drill, scored
from incidents.response.lifecycle import State
from incidents.runbooks import services as runbooks
from observability.core import audit, claims, permissions, questions

LOOK_EVERY = timedelta(seconds=5)
LEASE = timedelta(seconds=60)
#: The fleet ends the fault by itself so long after the drill should have: nobody may be left to say so.
FLEET_ENDS_LATER = timedelta(minutes=1)
#: After so long without an incident nothing will be found any more; after so long with one it is scored as it stands.
NOTHING_COMES_AFTER = timedelta(minutes=2)
SCORED_AS_IT_STANDS = timedelta(hours=1)
#: The fleet does not answer for so long after it should have ended the fault by itself: it is gone, and the fault with it.
FLEET_IS_GONE = timedelta(minutes=10)


@questions.first(queries.ANY_DUE)
def drive_due(*, now: datetime, transport: httpx.BaseTransport | None = None) -> int:
    """Look at the drills that are due: stop faults whose time is up, score what is over. How many were looked at."""
    open_ones = Drill.objects.exclude(state=Drill.State.OVER).select_related("organisation")
    claimed = claims.claim(open_ones, now=now, lease=LEASE, limit=20)
    claims.each(claimed, lambda drill: _drive(drill, now, transport), failed="%s could not be driven")
    return len(claimed)


def _drive(drill: Drill, now: datetime, transport: httpx.BaseTransport | None) -> None:
    first = queries.incidents(drill=drill).first()
    drill.incident = first
    match drill.state:
        case Drill.State.RUNNING if now >= drill.ends_at:
            stop(drill, "the time is up", now, transport)
        case Drill.State.RUNNING if first is not None and first.state in {State.MITIGATED, State.RESOLVED}:
            stop(drill, f"{first.name} was {first.state}", now, transport)
        case Drill.State.STOPPING:
            stop(drill, drill.stop_reason, now, transport)
        case Drill.State.SETTLING if _settled(drill, now):
            _finish(drill, now)
        case _:
            _look_again(drill, now)


def _look_again(drill: Drill, now: datetime) -> None:
    drill.due_at, drill.lease_until = now + LOOK_EVERY, None
    drill.save(update_fields=["due_at", "lease_until", "incident"])


def stop(drill: Drill, reason: str, now: datetime, transport: httpx.BaseTransport | None) -> Drill:
    """The fault ends. The row says so before the fleet is asked: whatever dies in between, it is asked again."""
    live = Drill.objects.filter(pk=drill.pk, state__in=[Drill.State.RUNNING, Drill.State.STOPPING])
    asked = live.update(state=Drill.State.STOPPING, stop_reason=reason[:200], due_at=now + LOOK_EVERY, lease_until=None)
    drill.refresh_from_db()
    if not asked:
        return drill
    try:
        say("DELETE", None, transport)
    except DrillRefused as trouble:
        if now < drill.ends_at + FLEET_ENDS_LATER + FLEET_IS_GONE:
            live.update(trouble=str(trouble)[:300])
            drill.refresh_from_db()
            return drill
    live.update(state=Drill.State.SETTLING, stopped_at=now, trouble="")
    drill.refresh_from_db()
    return drill


def _settled(drill: Drill, now: datetime) -> bool:
    since = now - (drill.stopped_at or now)
    mine = queries.incidents(drill=drill)
    if not mine.exists():
        return since >= NOTHING_COMES_AFTER
    return not mine.unresolved().exists() or since >= SCORED_AS_IT_STANDS


def _finish(drill: Drill, now: datetime) -> None:
    found, runbook = scored(drill), of_drill(drill).runbook
    with transaction.atomic():
        drill.state, drill.finished_at, drill.lease_until = Drill.State.OVER, now, None
        drill.score = found.as_json()
        drill.save(update_fields=["state", "finished_at", "lease_until", "score", "incident"])
        runbooks.drilled(organisation=drill.organisation, slug=runbook, now=now)
        payload = {"drill": drill.number, "right": found.right, "runbook": runbook}
        audit.record(
            actor=permissions.system(drill.organisation), verb="score_drill", obj=drill, now=now, payload=payload
        )
