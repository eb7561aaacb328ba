"""The executive page: promises, incidents and money of an organisation or a service."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from dashboards.choice import Choice
from dashboards.data.common import known_choice
from dashboards.data.money import money
from dashboards.reports.executive import ExecutiveReport
from incidents.screens.queries import burden, times
from incidents.screens.queries.burden import Measure
from observability.core.models import Organisation
from sloengine.overview.queries import overview

PARTS = ("real", "simulated")


def load(*, organisation: Organisation, choice: Choice, now: datetime) -> ExecutiveReport:
    choice, services = known_choice(organisation=organisation, choice=choice)
    start = now - choice.span
    asked: dict[str, Any] = {"organisation": organisation, "service": choice.service, "since": start, "now": now}
    severities = burden.severities(**asked, parts=PARTS)
    table = times.table(organisation=organisation, days=choice.span.days, now=now, service=choice.service)
    return ExecutiveReport(
        choice=choice,
        services=services,
        start=start,
        end=now,
        overview=overview(**asked),
        severities=tuple((severity, count) for severity, count, _ in severities),
        open_now=sum(still for *_, still in severities),
        times=table.first,
        incidents=burden.steps(**asked, measure=Measure.MITIGATE, parts=PARTS, step=choice.step),
        money=money(organisation=organisation, choice=choice, start=start, now=now),
    )
