"""The fleet page: GPUs of the chosen services."""

from __future__ import annotations

from datetime import datetime

from dashboards.choice import Choice
from dashboards.data.common import chosen_services, known_choice
from dashboards.reports.fleet import FleetReport
from observability.core.models import Organisation
from sloengine.gpus import queries as gpus
from sloengine.rollups import queries as rollups

POINTS = 96


def load(*, organisation: Organisation, choice: Choice, now: datetime) -> FleetReport:
    choice, services = known_choice(organisation=organisation, choice=choice)
    start = now - choice.span
    with rollups.snapshot():
        found = [
            gpus.fleet(service=service, start=start, end=now, points=POINTS)
            for service in chosen_services(organisation=organisation, choice=choice)
        ]
    hours = min(choice.span, gpus.RECENT).total_seconds() / 3600
    fleet = tuple(one for one in found if one.gpus or one.spread_mean is not None or one.imbalance_mean is not None)
    return FleetReport(choice=choice, services=services, start=start, end=now, hours=hours, fleet=fleet)
