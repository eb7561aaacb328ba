"""The latency budget page: the time of a token of the chosen services."""

from __future__ import annotations

from datetime import datetime

from dashboards.choice import Choice
from dashboards.data.common import chosen_services, known_choice
from dashboards.reports.latency import LatencyReport, ServiceTime
from observability.core.models import Organisation
from sloengine.rollups import queries as rollups
from sloengine.tokentime import queries as tokentime

POINTS = 96


def load(*, organisation: Organisation, choice: Choice, now: datetime) -> LatencyReport:
    choice, services = known_choice(organisation=organisation, choice=choice)
    start = now - choice.span
    with rollups.snapshot():
        rows = {one.slug: one for one in chosen_services(organisation=organisation, choice=choice)}
        found = [
            ServiceTime(slug, one.name, one.simulated, tokentime.measured(service=one, start=start, end=now))
            for slug, one in rows.items()
        ]
        times = sorted((one for one in found if one.time.slices), key=lambda one: -(one.time.seconds or 0.0))
        steps = (
            tokentime.over_time(service=rows[times[0].service], start=start, end=now, points=POINTS) if times else ()
        )
    return LatencyReport(choice=choice, services=services, start=start, end=now, times=tuple(times), steps=steps)
