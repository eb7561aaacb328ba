"""The only reader behind the SLO pages and the SLO dashboard."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from observability.core.models import Organisation
from sloengine import charts
from sloengine.budgets import queries as budgets
from sloengine.catalog.models import Service
from sloengine.objectives.models import Objective
from sloengine.objectives.objective import MEASURES, Indicator, duration
from sloengine.screens import page as pure

BURN_POINTS = 120
Curve = tuple[tuple[datetime, float | None], ...]


def slo_table(*, organisation: Organisation, service: str, now: datetime) -> pure.SloTable:
    """Every enabled objective with its budget; an unknown service shows all."""
    services = tuple(Service.objects.filter(organisation=organisation).values_list("slug", flat=True))
    service = service if service in services else ""
    found = [_row(status) for status in budgets.budget_status(organisation=organisation, now=now)]
    rows = tuple(row for row in found if not service or row.service == service)
    return pure.SloTable(service, services, rows, pure.table_headline(rows), pure.table_rest(rows))


def _row(status: budgets.BudgetStatus) -> pure.SloRow:
    objective, budget = status.objective, status.budget
    return pure.SloRow(
        service=objective.service.slug,
        slug=objective.slug,
        title=objective.title,
        goal=objective.goal,
        target=objective.target.normalize(),
        window=pure.span(objective.window.total_seconds()),
        state=budget.state.value,
        attained=budget.attained_ratio,
        left=budget.remaining_ratio,
        bad=budget.bad,
        total=budget.total,
        allowed=budget.allowed,
        lasts=budget.exhausted_in.total_seconds() if budget.exhausted_in is not None else None,
        partial=budget.partial,
    )


def slo_page(*, objective: Objective, now: datetime) -> pure.SloPage:
    """One objective: budget, burn-down, windows with their reasons, definition, changes."""
    statuses = [one for one in budgets.budget_status(service=objective.service, now=now) if one.objective.pk == objective.pk]
    row = _row(statuses[0]) if statuses else _unjudged(objective)
    windows = tuple(
        pure.WindowRow(
            tier=verdict.tier.name, long_seconds=verdict.tier.long_seconds, short_seconds=verdict.tier.short_seconds,
            threshold=verdict.tier.factor, burn_long=verdict.burn_long, burn_short=verdict.burn_short, reason=verdict.reason.value,
        )
        for verdict in budgets.verdicts(objective=objective, now=now)
    )  # fmt: skip
    curve = budgets.burn_down(objective=objective, start=now - objective.window, end=now, points=BURN_POINTS)
    measure = MEASURES[Indicator(objective.indicator)]
    return pure.SloPage(
        row=row,
        headline=pure.page_headline(row, windows),
        rest=pure.page_rest(row),
        noun=f"{objective.slice_seconds // 60}-minute slices" if objective.is_timeslices else measure.noun,
        indicator=f"{objective.get_indicator_display()} ({measure.family})",
        method=objective.get_method_display(),
        threshold="" if objective.threshold is None else duration(objective.threshold) if objective.is_latency else f"{objective.threshold:g}",
        where=tuple(sorted(objective.where.items())),
        notice=objective.notice,
        description=objective.description,
        judged_at=objective.tallied_until,
        chart=charts.burn_down(points=curve) if any(point.value is not None for point in curve) else "",
        windows=windows,
        changes=tuple(objective.changes.all()[:10]),
    )


def _unjudged(objective: Objective) -> pure.SloRow:
    return pure.SloRow(
        service=objective.service.slug, slug=objective.slug, title=objective.title, goal=objective.goal, target=objective.target.normalize(),
        window=pure.span(objective.window.total_seconds()), state="no data", attained=None, left=None, bad=None, total=None, allowed=None,
        lasts=None, partial=True,
    )  # fmt: skip


def burn_downs(*, organisation: Organisation, service: str, start: datetime, end: datetime, points: int) -> Mapping[tuple[str, str], Curve]:
    """Budget left over time of each objective, by (service, objective); without a point where nothing was measured."""
    rows = Objective.objects.enabled().filter(organisation=organisation).select_related("service")
    rows = rows.filter(service__slug=service) if service else rows
    found: dict[tuple[str, str], Curve] = {}
    for objective in rows:
        curve = budgets.burn_down(objective=objective, start=start, end=end, points=points)
        if any(point.value is not None for point in curve):
            found[objective.service.slug, objective.slug] = tuple((point.at, point.value) for point in curve)
    return found
