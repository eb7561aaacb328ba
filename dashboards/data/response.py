"""The response page: spans of incidents, pages to people."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from dashboards.choice import Choice
from dashboards.data.common import known_choice
from dashboards.reports.response import ResponseReport
from incidents.screens.queries import burden, times
from incidents.screens.queries.burden import Measure
from observability.core.models import Organisation

#: So many incidents are drawn as points, those that took longest.
DOTS = 300


def load(*, organisation: Organisation, choice: Choice, now: datetime) -> ResponseReport:
    choice, services = known_choice(organisation=organisation, choice=choice)
    start = now - choice.span
    measure = Measure(choice.view) if choice.view in list(Measure) else Measure.MITIGATE
    table = times.table(organisation=organisation, days=choice.span.days, now=now, service=choice.service)
    part = "simulated" if table.simulated and not table.real else "real"
    asked: dict[str, Any] = {"organisation": organisation, "service": choice.service, "since": start, "now": now}
    return ResponseReport(
        choice=choice.but(view=measure.value),
        services=services,
        start=start,
        end=now,
        measure=measure,
        part=part,
        table=table,
        steps=burden.steps(**asked, measure=measure, parts=[part], step=choice.step),
        dots=burden.dots(**asked, measure=measure, parts=[part], most=DOTS),
        burden=burden.burden(**asked),
    )
