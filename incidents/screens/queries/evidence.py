"""The charts under an incident: the families its diagnosis rests on, over one time axis, with changes and goals marked."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from django.utils import timezone

from incidents.response.models import Incident
from incidents.screens.changes import describe
from incidents.screens.panels import Panel, panels_for, resolution, span, threshold
from sloengine import charts
from sloengine.catalog.models import Service
from sloengine.catalog.queries import changes_between
from sloengine.objectives.models import Objective
from sloengine.rollups import queries as rollups

WIDTHS = (("wide-only", 840), ("phone-only", charts.NARROW))
Goals = Sequence[tuple[str, float | None]]


def charts_of(*, incident: Incident, now: datetime) -> str:
    """All panels as inline SVG, once for a wide page and once for a phone; '' where nothing was measured."""
    service = incident.service
    if service is None:
        return ""
    began = incident.impact_started_at or incident.opened_at
    first, last, step = span(start=began, end=incident.resolved_at, now=now)
    goals: Goals = list(Objective.objects.enabled().filter(service=service).values_list("indicator", "threshold"))
    with rollups.snapshot():
        panels = [_strip(service, panel, first, last, step, goals) for panel in panels_for(incident.diagnosis or {})]
    if all(point.value is None for panel in panels for series in panel.series for point in series.points):
        return ""
    changes = [
        charts.Mark(at=change.at, label=describe(kind=change.kind, before=change.before, after=change.after))
        for change in changes_between(service=service, start=first, end=last)
    ]
    marks = charts.Marks(incident=(began, incident.resolved_at), changes=changes)
    zone = timezone.get_current_timezone()
    return "".join(
        f'<div class="{name}">'
        f"{charts.aligned(panels, start=first, end=last, marks=marks, width=width, zone=zone, caption=resolution(step))}</div>"
        for name, width in WIDTHS
    )


def _strip(service: Service, panel: Panel, first: datetime, last: datetime, step: int, goals: Goals) -> charts.Panel:
    """One strip: a line, or the stages on each other."""
    series = [
        charts.Series(
            name,
            rollups.points(
                service=service, family=family, start=first, end=last, step_seconds=step, quantile=panel.quantile
            ),
            colour=name if panel.stack else "accent",
        )
        for name, family in panel.families
    ]
    return charts.Panel(
        title=panel.title,
        unit=panel.unit,
        series=series,
        threshold=threshold(panel, goals),
        stack=panel.stack,
        scale=panel.scale,
        height=96 if panel.stack else 78,
        top=panel.top,
        bottom=panel.bottom,
    )
