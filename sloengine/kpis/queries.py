"""KPIs at a tick, and over a window."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from probes.exposition import Samples, series
from probes.signals import PREFIX
from sloengine.catalog.models import Service
from sloengine.kpis.models import PushedKpi
from sloengine.objectives.models import Objective
from sloengine.objectives.objective import KPI_COUNTS, KPI_VALUE, QUERY_BAD, QUERY_GAUGES, Indicator
from sloengine.rollups.queries import gauge, increments
from sloengine.sources.base import Reading

#: What was not pushed for so long is no data, like a series that is no longer scraped.
FRESH: Final = timedelta(minutes=15)


class PushedSource:
    """The KPIs of an organisation, as they stand when they are read."""

    def __init__(self, organisation_id: int) -> None:
        self._organisation_id = organisation_id

    def read(self, at: datetime) -> Reading:
        found: Samples = {}
        rows = PushedKpi.objects.filter(organisation=self._organisation_id, pushed_at__gt=at - FRESH)
        for row in rows.select_related("service").order_by("pk"):
            mine = {"service": row.service.slug, "slice": row.name, "instance": f"kpi/{row.name}"}
            if row.value is not None:
                found[series(PREFIX + KPI_VALUE.family, **mine)] = row.value
                continue
            found[series(PREFIX + KPI_COUNTS.family, **mine)] = row.good
            found[series(PREFIX + KPI_COUNTS.over, **mine)] = row.total
            started = {"service": row.service.slug, "instance": f"kpi/{row.name}"}
            found[series(PREFIX + "process_start_seconds", **started)] = row.created_at.timestamp()
        return Reading(at, found)


@dataclass(frozen=True, slots=True)
class Kpi:
    """A KPI over a window: its mean `value` (of counts the share of good ones, 0..1) and how much it is made of: events where
    it is counted, readings where it is not."""

    name: str
    value: float
    events: float


def kpis(*, service: Service, start: datetime, end: datetime) -> list[Kpi]:
    """Every KPI of a service that was read in the window, by name: pushed ones, and those that objectives ask by PromQL, under the
    objective's name. Conversions of 40 of 1,000 sessions are Kpi("conversions", 0.04, 1000)."""
    found: dict[str, Kpi] = {}
    asked = Objective.objects.enabled().filter(service=service, indicator=Indicator.KPI.value)
    names = {one.slug for one in asked if one.promise.terms.queries.present}
    for family, over, only in (
        (KPI_COUNTS.family, KPI_COUNTS.over, None),
        ("query_good_total", QUERY_BAD.over, names),
        (QUERY_BAD.family, QUERY_BAD.over, names),
    ):
        part = increments(service=service, family=family, start=start, end=end, by=("slice",))
        whole = increments(service=service, family=over, start=start, end=end, by=("slice",)) if part else {}
        for key, amount in part.items():
            total = whole.get(key, 0.0)
            if total > 0 and (only is None or key[0] in only):
                good = total - amount if family == QUERY_BAD.family else amount
                found[key[0]] = Kpi(key[0], good / total, total)
    for (name,), one in gauge(service=service, family=KPI_VALUE.family, start=start, end=end, by=("slice",)).items():
        if one.mean is not None:
            found[name] = Kpi(name, one.mean, one.n)
    if names:
        good_ones, all_ones = (
            gauge(service=service, family=family, start=start, end=end, by=("slice",))
            for family in (QUERY_GAUGES.family, QUERY_GAUGES.over)
        )
        for (name,), one in good_ones.items():
            whole_of = all_ones.get((name,))
            if name in names and whole_of is not None and one.mean is not None and whole_of.mean:
                found[name] = Kpi(name, one.mean / whole_of.mean, one.n)
    return [found[name] for name in sorted(found)]
