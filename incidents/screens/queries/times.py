"""MTTD, MTTA and MTTR over many incidents (REQUIREMENTS R26): what `response.times` says of one, as medians and percentiles.

Drills stand apart, and so do simulated services. What was merged into another incident is counted there. Declared by hand,
resolved or not: an incident counts in a figure as soon as both of its moments are known.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import connection

from observability.core.models import Organisation

PERIODS = (30, 90, 365)


@dataclass(frozen=True, slots=True)
class Spread:
    """One figure over several incidents, in seconds; all None where `known` is 0."""

    known: int
    median: float | None
    p90: float | None


@dataclass(frozen=True, slots=True)
class Row:
    """One service, or all of them where `service` is None."""

    service: str | None
    slug: str | None
    incidents: int
    detect: Spread
    acknowledge: Spread
    mitigate: Spread


@dataclass(frozen=True, slots=True)
class Table:
    """`real` and `drills` each begin with the row of all services."""

    real: tuple[Row, ...]
    simulated: tuple[Row, ...]
    drills: tuple[Row, ...]
    since: datetime

    @property
    def first(self) -> Row | None:
        """What heads the page: all real incidents, where there are none all simulated ones. Drills head nothing."""
        return next(iter(self.real + self.simulated), None)


#: The spans as response.times has them: never negative, unknown while one of the moments is.
_SPREADS = ", ".join(
    f"count({span}), percentile_cont(0.5) WITHIN GROUP (ORDER BY {span}), percentile_cont(0.9) WITHIN GROUP (ORDER BY {span})"
    for span in ("detect", "acknowledge", "mitigate")
)


def _span(start: str, end: str) -> str:
    seconds = f"greatest(extract(epoch FROM {end} - {start}), 0)"
    # greatest() passes over nulls: without both moments it would answer 0.
    return f"CASE WHEN {start} IS NOT NULL AND {end} IS NOT NULL THEN {seconds} END"


#: One row an incident: its part and its three spans in seconds, each null while one of its moments is not known.
SPANS = f"""
WITH spans AS (
    SELECT id, service_id, opened_at, number, title, severity,
           CASE WHEN drill THEN 'drills' WHEN simulated THEN 'simulated' ELSE 'real' END AS part,
           {_span("impact_started_at", "detected_at")} AS detect,
           {_span("first_paged_at", "acknowledged_at")} AS acknowledge,
           {_span("impact_started_at", "mitigated_at")} AS mitigate
    FROM incidents_incident
    WHERE organisation_id = %(organisation)s AND opened_at >= %(since)s AND opened_at <= %(now)s AND merged_into_id IS NULL
      AND (%(service)s = '' OR service_id IN (
          SELECT id FROM sloengine_service WHERE organisation_id = %(organisation)s AND slug = %(service)s))
)
"""  # noqa: S608 - put together from the constants above
_TABLE = f"""
{SPANS}
SELECT part, GROUPING(spans.service_id) AS whole, service.name, service.slug, count(*), {_SPREADS}
FROM spans LEFT JOIN sloengine_service AS service ON service.id = spans.service_id
GROUP BY GROUPING SETS ((part), (part, spans.service_id, service.name, service.slug))
ORDER BY part, whole DESC, count(*) DESC, service.slug NULLS LAST
"""  # noqa: S608 - put together from the constants above


def table(*, organisation: Organisation, days: int, now: datetime, service: str = "") -> Table:
    """The figures of the incidents that were opened in the last `days`, of one service or all: one query, whatever their number."""
    since = now - timedelta(days=days)
    with connection.cursor() as cursor:
        cursor.execute(_TABLE, {"organisation": organisation.pk, "since": since, "now": now, "service": service})
        rows = cursor.fetchall()
    parts: dict[str, list[Row]] = {"real": [], "simulated": [], "drills": []}
    for part, whole, name, slug, incidents, *spreads in rows:
        parts[part].append(_row("All services" if whole else name, None if whole else slug, incidents, spreads))
    return Table(
        real=tuple(parts["real"]),
        simulated=tuple(parts["simulated"]),
        drills=tuple(parts["drills"]),
        since=since,
    )


def _row(name: str | None, slug: str | None, incidents: int, spreads: Iterable[float | None]) -> Row:
    given = [None if value is None else float(value) for value in spreads]
    detect, acknowledge, mitigate = (
        Spread(known=int(known or 0), median=median, p90=p90)
        for known, median, p90 in zip(given[::3], given[1::3], given[2::3], strict=True)
    )
    return Row(name, slug, incidents, detect, acknowledge, mitigate)
