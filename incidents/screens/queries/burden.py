"""How the response went, incident by incident and week by week, and what it cost the people who were paged."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any
from zoneinfo import ZoneInfo

from django.db import connection

from incidents.oncall.queries import plans, schedules
from incidents.paging import burden as pure
from incidents.paging.burden import Burden, Ring, Turn
from incidents.screens.queries.times import SPANS
from observability.core.models import Organisation, User


class Measure(StrEnum):
    """Which span of an incident; also its column."""

    DETECT = "detect"
    ACKNOWLEDGE = "acknowledge"
    MITIGATE = "mitigate"


@dataclass(frozen=True, slots=True)
class Dot:
    """One incident and how long it took, in seconds."""

    number: int
    title: str
    severity: int
    at: datetime
    seconds: float


@dataclass(frozen=True, slots=True)
class Step:
    """The incidents opened in the step of time that begins at `at`: how many, of how many the span is known, its median and p90."""

    at: datetime
    incidents: int
    known: int
    median: float | None
    p90: float | None


#: The steps begin at midnights and Mondays of UTC.
_STEPS = f"""
{SPANS}
SELECT date_bin(make_interval(secs => %(step)s), opened_at, '2020-01-06T00:00:00Z') AS at, count(*), count({{measure}}),
       percentile_cont(0.5) WITHIN GROUP (ORDER BY {{measure}}), percentile_cont(0.9) WITHIN GROUP (ORDER BY {{measure}})
FROM spans WHERE part = ANY(%(parts)s) GROUP BY 1 ORDER BY 1
"""  # noqa: S608 - our own names
_DOTS = f"""
{SPANS}
SELECT number, title, severity, opened_at, {{measure}} FROM spans
WHERE part = ANY(%(parts)s) AND {{measure}} IS NOT NULL ORDER BY {{measure}} DESC, number DESC LIMIT %(most)s
"""  # noqa: S608 - our own names
_RINGS = """
SELECT min(page.sent_at), person.username, incident.number
FROM incidents_page AS page
JOIN incidents_incident AS incident ON incident.id = page.incident_id
JOIN incidents_pagerendpoint AS endpoint ON endpoint.id = page.endpoint_id
JOIN core_user AS person ON person.id = page.user_id
WHERE page.organisation_id = %(organisation)s AND page.created_at >= %(since)s AND page.sent_at BETWEEN %(since)s AND %(now)s
  AND page.kind IN ('opened', 'escalated', 'raised', 'asked', 'reminded') AND endpoint.kind <> 'email' AND NOT incident.drill
  AND (%(service)s = '' OR incident.service_id IN (
      SELECT id FROM sloengine_service WHERE organisation_id = %(organisation)s AND slug = %(service)s))
GROUP BY page.incident_id, page.user_id, page.decision, person.username, incident.number
"""


def steps(
    *, organisation: Organisation, service: str, measure: Measure, parts: Sequence[str], since: datetime, now: datetime,
    step: timedelta,
) -> tuple[Step, ...]:  # fmt: skip
    """Incidents in steps of time, with the median and p90 of a span; steps without an incident are left out.

    `parts` are of "real", "simulated" and "drills", as in times.table.
    """
    given: dict[str, Any] = {
        "organisation": organisation.pk,
        "service": service,
        "since": since,
        "now": now,
        "parts": list(parts),
    }
    with connection.cursor() as cursor:
        cursor.execute(_STEPS.format(measure=measure.value), {**given, "step": step.total_seconds()})
        rows = cursor.fetchall()
    return tuple(
        Step(at, incidents, known, None if median is None else float(median), None if p90 is None else float(p90))
        for at, incidents, known, median, p90 in rows
    )


def dots(
    *, organisation: Organisation, service: str, measure: Measure, parts: Sequence[str], since: datetime, now: datetime,
    most: int,
) -> tuple[Dot, ...]:  # fmt: skip
    """The incidents that took longest, the longest first."""
    given: dict[str, Any] = {
        "organisation": organisation.pk,
        "service": service,
        "since": since,
        "now": now,
        "parts": list(parts),
    }
    with connection.cursor() as cursor:
        cursor.execute(_DOTS.format(measure=measure.value), {**given, "most": most})
        rows = cursor.fetchall()
    return tuple(Dot(number, title, severity, at, float(seconds)) for number, title, severity, at, seconds in rows)


def burden(*, organisation: Organisation, service: str, since: datetime, now: datetime) -> Burden:
    """Pages to people by person, shift and hour of day; drills and e-mail, which wakes nobody, are left out."""
    given: dict[str, Any] = {"organisation": organisation.pk, "service": service, "since": since, "now": now}
    with connection.cursor() as cursor:
        cursor.execute(_RINGS, given)
        rings = [Ring(at, person, number) for at, person, number in cursor.fetchall()]
    found = plans(found=schedules(organisation=organisation), start=since, end=now)
    turns = [
        Turn(person, max(shift.start, since), min(shift.end, now))
        for plan in found
        for shift in plan.shifts(start=since, end=now)
        for person in shift.people
    ]
    zones = User.objects.filter(memberships__organisation=organisation).values_list("username", "time_zone")
    known = {person: ZoneInfo(zone) for person, zone in zones}
    return pure.burden(rings=rings, turns=turns, zones=known)


_SEVERITIES = """
SELECT severity, count(*), count(*) FILTER (WHERE state <> 'resolved')
FROM incidents_incident
WHERE organisation_id = %(organisation)s AND opened_at >= %(since)s AND opened_at <= %(now)s AND merged_into_id IS NULL
  AND CASE WHEN drill THEN 'drills' WHEN simulated THEN 'simulated' ELSE 'real' END = ANY(%(parts)s)
  AND (%(service)s = '' OR service_id IN (
      SELECT id FROM sloengine_service WHERE organisation_id = %(organisation)s AND slug = %(service)s))
GROUP BY severity ORDER BY severity
"""


def severities(
    *, organisation: Organisation, service: str, parts: Sequence[str], since: datetime, now: datetime
) -> tuple[tuple[int, int, int], ...]:
    """(severity, incidents opened in the range, of them not resolved), the worst first."""
    given: dict[str, Any] = {
        "organisation": organisation.pk,
        "service": service,
        "since": since,
        "now": now,
        "parts": list(parts),
    }
    with connection.cursor() as cursor:
        cursor.execute(_SEVERITIES, given)
        return tuple(cursor.fetchall())
