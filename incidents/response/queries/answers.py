"""How long acknowledgements hold: a sign of life from a person renews them."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db import connection

from incidents.paging import escalation
from incidents.response.lifecycle import State
from incidents.response.models import Incident, TimelineEntry
from observability.core import questions

MOST_AT_ONCE = 50
_OVER = "FROM incidents_incident WHERE state = 'acknowledged' AND answer_until <= %(now)s"
_DUE = f"SELECT id {_OVER} ORDER BY answer_until LIMIT %(most)s"
ANY_DUE = questions.Question(f"EXISTS (SELECT {_OVER})")


def due(*, now: datetime) -> list[int]:
    """Incidents whose acknowledgement may have ended, longest first; answered from a partial index."""
    with connection.cursor() as cursor:
        cursor.execute(_DUE, {"now": now, "most": MOST_AT_ONCE})
        return [pk for (pk,) in cursor.fetchall()]


def claim(*, pk: int, now: datetime) -> Incident | None:
    """The incident, locked, if it is still due and nobody else holds it."""
    rows = Incident.objects.select_for_update(no_key=True, of=("self",), skip_locked=True)
    due_still = rows.filter(pk=pk, state=State.ACKNOWLEDGED, answer_until__lte=now)
    return due_still.select_related("organisation", "service", "acknowledged_by").first()


def held_until(*, incident: Incident, since: datetime) -> datetime | None:
    """Until when an acknowledgement or sign of life at `since` holds: SEV1 at 12:00 → 12:30; None: for good."""
    seconds = escalation.from_snapshot(incident.escalation).answer_seconds(incident.severity)
    return None if seconds is None else since + timedelta(seconds=seconds)


def renewed_until(*, incident: Incident) -> datetime | None:
    """Until when it holds by the last thing that a person did in the incident."""
    by_people = TimelineEntry.objects.filter(incident=incident).exclude(actor_kind="system")
    last = by_people.order_by("-at").values_list("at", flat=True).first()
    return held_until(incident=incident, since=last or incident.acknowledged_at or incident.opened_at)
