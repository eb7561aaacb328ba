"""The only reader behind the SLO pages and the SLO dashboard."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta

from django.utils import timezone

from observability.core.models import Organisation
from sloengine import charts
from sloengine.budgets import queries as budgets
from sloengine.budgets.tallies import queries as tallies
from sloengine.catalog.models import Service
from sloengine.objectives.models import Objective
from sloengine.objectives.objective import MEASURES, Indicator, duration
from sloengine.screens import page as pure

BURN_POINTS = 120
SHORTEST_CURVE = timedelta(minutes=10)
Curve = tuple[tuple[datetime, float | None], ...]


def slo_table(*, organisation: Organisation, service: str, now: datetime) -> pure.SloTable:
    """Every enabled objective with its budget; an unknown service shows all."""
    services = tuple(Service.objects.filter(organisation=organisation).values_list("slug", flat=True))
    service = service if service in services else ""
    found = [_row(status) for status in budgets.budget_status(organisation=organisation, now=now)]
    rows = tuple(sorted((row for row in found if not service or row.service == service), key=pure.worst_first))
    return pure.SloTable(service, services, rows, pure.table_headline(rows), pure.table_rest(rows))


def _row(status: budgets.BudgetStatus) -> pure.SloRow:
    return pure.SloRow(
        service=status.service,
        slug=status.slug,
        title=status.title,
        goal=status.goal,
        target=status.target,
        window=pure.span(status.window.total_seconds()),
        state=status.state.value,
        attained=status.attained_ratio,
        left=status.remaining_ratio,
        bad=status.bad if status.total else None,
        total=status.total or None,
        allowed=status.allowed,
        lasts=status.exhausted_in.total_seconds() if status.exhausted_in is not None else None,
        partial=status.partial,
        notice=status.notice,
        unit=status.unit,
    )


def slo_page(*, objective: Objective, now: datetime) -> pure.SloPage:
    """One objective: budget, burn-down, windows with their reasons, definition, changes."""
    row = _row(budgets.statuses(objectives=[objective], now=now)[0])
    windows = tuple(
        pure.WindowRow(
            tier=window.tier,
            severity=window.severity,
            long_seconds=window.long_seconds,
            short_seconds=window.short_seconds,
            threshold=window.factor,
            burn_long=window.burn_long,
            burn_short=window.burn_short,
            reason=window.reason.value,
        )
        for window in budgets.burn_windows(objective=objective, now=now)
    )
    start = _since_data([objective], start=now - objective.window, end=now)
    curve = budgets.burn_down(objective=objective, start=start, end=now, points=BURN_POINTS)
    measure = MEASURES[Indicator(objective.indicator)]
    return pure.SloPage(
        row=row,
        headline=pure.page_headline(row, windows),
        rest=pure.page_rest(row),
        indicator=f"{objective.get_indicator_display()} ({measure.family})",
        method=objective.get_method_display(),
        threshold=""
        if objective.threshold is None
        else duration(objective.threshold)
        if objective.is_latency
        else f"{objective.threshold:g}",
        where=tuple(sorted(objective.where.items())),
        description=objective.description,
        judged_at=_judged_at(objective),
        chart=_burn_chart(curve),
        windows=windows,
        changes=tuple(objective.changes.all()[:10]),
    )


def _since_data(objectives: Iterable[Objective], *, start: datetime, end: datetime) -> datetime:
    """`start`, or the first tally where that is later: the first hour of a fleet fills the chart, not its last pixel."""
    first = tallies.began_at(one.pk for one in objectives)
    return start if first is None else min(max(start, first), end - SHORTEST_CURVE)


def _judged_at(objective: Objective) -> datetime | None:
    """The last tick that was tallied for it."""
    return tallies.newest_at(objective.pk)


def _burn_chart(curve: Sequence[budgets.BurnPoint]) -> str:
    """The curve as inline SVG, once for a wide page and once for a phone; '' where nothing was measured."""
    if all(point.remaining_ratio is None for point in curve):
        return ""
    points = [charts.Value(point.at, point.remaining_ratio) for point in curve]
    zone = timezone.get_current_timezone()
    return "".join(
        f'<div class="{name}">{charts.burn_down(points, start=points[0].at, end=points[-1].at, width=width, zone=zone)}</div>'
        for name, width in (("wide-only", 1100), ("phone-only", charts.NARROW))
    )


def burn_downs(
    *, organisation: Organisation, service: str, start: datetime, end: datetime, points: int
) -> Mapping[tuple[str, str], Curve]:
    """Budget left over time of each objective, by (service, objective); without a point where nothing was measured."""
    rows = Objective.objects.enabled().filter(organisation=organisation).select_related("service")
    rows = rows.filter(service__slug=service) if service else rows
    start = _since_data(rows, start=start, end=end)
    found: dict[tuple[str, str], Curve] = {}
    for objective in rows:
        curve = budgets.burn_down(objective=objective, start=start, end=end, points=points)
        if any(point.remaining_ratio is not None for point in curve):
            found[objective.service.slug, objective.slug] = tuple((point.at, point.remaining_ratio) for point in curve)
    return found
