"""The charts under an incident: the families its diagnosis rests on, over one time axis, with changes and goals marked."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from incidents.response.models import Incident
from incidents.screens.changes import describe
from incidents.screens.panels import Panel, panels_for, span, threshold
from sloengine import charts
from sloengine.catalog.models import Service
from sloengine.catalog.queries import changes_between
from sloengine.objectives.models import Objective
from sloengine.rollups import queries as rollups

STAGES = (("queue", "queue_seconds"), ("prefill", "prefill_seconds"), ("decode", "decode_seconds"))


def charts_of(*, incident: Incident, now: datetime) -> str:
    """The inline SVG of all panels, '' where nothing was measured."""
    service = incident.service
    if service is None:
        return ""
    start = incident.impact_started_at or incident.opened_at
    first, last, step = span(start=start, end=incident.resolved_at, now=now)
    goals = list(Objective.objects.enabled().filter(service=service).values_list("indicator", "threshold"))
    with rollups.snapshot():
        panels = [_panel(service, panel, first, last, step, goals) for panel in panels_for(incident.diagnosis or {})]
    found = [panel for panel in panels if panel is not None]
    if not found:
        return ""
    marks = [
        charts.Mark(at=change.at, label=describe(kind=change.kind, before=change.before, after=change.after))
        for change in changes_between(service=service, start=first, end=last)
    ]
    return charts.aligned(panels=found, start=first, end=last, marks=marks, shade=(start, incident.resolved_at or last))


def _panel(service: Service, panel: Panel, first: datetime, last: datetime, step: int, goals: Sequence[tuple[str, float | None]]) -> charts.Panel | None:
    points = rollups.points(service=service, family=panel.family, start=first, end=last, step_seconds=step, quantile=panel.quantile)
    if all(point.value is None for point in points):
        return None
    return charts.Panel(
        id=f"chart-{panel.family}",
        title=panel.title,
        unit=panel.unit,
        points=[(point.at, None if point.value is None else point.value * panel.scale) for point in points],
        threshold=threshold(panel, goals),
    )
