"""Budgets, burn-downs and windows of objectives, for pages and dashboards. Only reads."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import pairwise

import numpy as np
from django.db.models import Q

from observability.core.models import Organisation
from sloengine.budgets.budget import Budget, BudgetState, budget
from sloengine.budgets.burnrate import Reason, unreachable_notice, verdicts
from sloengine.budgets.burns import queries as burns
from sloengine.budgets.models import Finding, FindingKind, FindingSeverity
from sloengine.budgets.policy import Decision, decide
from sloengine.budgets.slices import FINE_SECONDS
from sloengine.budgets.tallies import queries as tallies
from sloengine.budgets.windows import table, tiers
from sloengine.catalog.models import Service
from sloengine.objectives.models import Objective

HOUR = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class BudgetStatus:
    """One objective now. Ratios are 0..1 of the budget (remaining may be negative); None where nothing is known."""

    objective_id: int
    service: str
    slug: str
    title: str
    goal: str
    notice: str
    indicator: str
    target: Decimal
    window: timedelta
    unit: str  # "requests", "tokens", "answers" or "minutes"
    state: BudgetState
    spent_ratio: float | None
    remaining_ratio: float | None
    attained_ratio: float | None
    allowed: float | None
    bad: float
    total: float
    burn_rate: float | None  # over the last hour
    exhausted_in: timedelta | None
    partial: bool
    policy: Decision
    firing: tuple[str, ...]  # names of the tiers that fire
    sparkline: tuple[float | None, ...]  # attained ratio of each of the last 24 hours, oldest first


@dataclass(frozen=True, slots=True)
class BurnPoint:
    """The budget left at an instant, as a share of the whole; None before the first data."""

    at: datetime
    remaining_ratio: float | None


@dataclass(frozen=True, slots=True)
class BurnWindow:
    """One tier of one objective: both burn rates against the factor, and why it fires or not."""

    tier: str
    severity: str
    long_seconds: int
    short_seconds: int
    factor: float
    burn_long: float | None
    burn_short: float | None
    bad: float
    total: float
    partial: bool
    firing: bool
    reason: Reason


def budget_status(
    *, service: Service | None = None, organisation: Organisation | None = None, now: datetime
) -> list[BudgetStatus]:
    """The budget of every enabled objective of a service, or of an organisation, by service and slug."""
    rows = Objective.objects.enabled().select_related("service").order_by("service__slug", "slug")
    if service is not None:
        rows = rows.filter(service=service)
    if organisation is not None:
        rows = rows.filter(organisation=organisation)
    return statuses(objectives=list(rows), now=now)


def statuses(*, objectives: Sequence[Objective], now: datetime) -> list[BudgetStatus]:
    """The budgets of these objectives, in their order; three statements whatever their number."""
    if not objectives:
        return []
    spans = sorted({objective.window for objective in objectives})
    hours = [now - HOUR * i for i in range(24, -1, -1)]
    sums = tallies.at(objectives=[one.pk for one in objectives], edges=[*hours, *(now - span for span in spans)])
    firing = _firing(objectives)
    result = []
    for row, objective in enumerate(objectives):
        values = sums.values[row]
        last, first = values[24], values[25 + spans.index(objective.window)]
        names = firing.get((objective.service_id, objective.slug), ())
        rate = _burn_rate(values[23], last, objective)
        left = _budget(
            objective,
            first,
            last,
            burn_rate=rate,
            firing=any(severity == FindingSeverity.PAGE for _, severity in names),
        )
        result.append(_status(objective, left, rate, tuple(name for name, _ in names), _sparkline(values[:25])))
    return result


def _budget(
    objective: Objective, first: tallies.Row, last: tallies.Row, *, burn_rate: float | None, firing: bool
) -> Budget:
    total = max(float(last[tallies.TOTAL] - first[tallies.TOTAL]), 0.0)
    bad = min(max(total - float(last[tallies.GOOD] - first[tallies.GOOD]), 0.0), total)
    return budget(
        target=objective.target,
        window=objective.window,
        bad=bad,
        total=total,
        covered_seconds=float(last[tallies.COVERED] - first[tallies.COVERED]),
        slice_seconds=objective.slice_seconds if objective.is_timeslices else None,
        burn_rate=burn_rate,
        firing=firing,
    )


def _status(
    objective: Objective, left: Budget, rate: float | None, firing: tuple[str, ...], sparkline: tuple[float | None, ...]
) -> BudgetStatus:
    promise = objective.promise
    chosen = tiers(period=objective.window)
    notices = (objective.notice, unreachable_notice(tiers=chosen, budget=float(promise.budget)))
    return BudgetStatus(
        objective_id=objective.pk,
        service=objective.service.slug,
        slug=objective.slug,
        title=objective.title,
        goal=objective.goal,
        notice=" ".join(notice for notice in notices if notice),
        indicator=objective.indicator,
        target=promise.target,
        window=objective.window,
        unit=objective.unit,
        state=left.state,
        spent_ratio=left.spent_ratio,
        remaining_ratio=left.remaining_ratio,
        attained_ratio=left.attained_ratio,
        allowed=left.allowed,
        bad=left.bad,
        total=left.total,
        burn_rate=rate,
        exhausted_in=left.exhausted_in,
        partial=left.partial,
        policy=decide(spent_ratio=left.spent_ratio),
        firing=firing,
        sparkline=sparkline,
    )


def _burn_rate(before: tallies.Row, after: tallies.Row, objective: Objective) -> float | None:
    ratio = _bad_ratio(before, after)
    return None if ratio is None else ratio / float(1 - objective.target)


def _bad_ratio(before: tallies.Row, after: tallies.Row) -> float | None:
    total = float(after[tallies.TOTAL] - before[tallies.TOTAL])
    if total <= 0:
        return None
    return min(max(1 - float(after[tallies.GOOD] - before[tallies.GOOD]) / total, 0.0), 1.0)


def _sparkline(values: tallies.Rows) -> tuple[float | None, ...]:
    ratios = (_bad_ratio(before, after) for before, after in pairwise(values))
    return tuple(None if ratio is None else 1 - ratio for ratio in ratios)


def _firing(objectives: Sequence[Objective]) -> dict[tuple[int | None, str], tuple[tuple[str, str], ...]]:
    """The firing tiers by service and objective: ("fast", "page")."""
    found: dict[tuple[int | None, str], tuple[tuple[str, str], ...]] = {}
    organisations = {objective.organisation_id for objective in objectives}
    for row in Finding.objects.firing().filter(kind=FindingKind.BURN, organisation__in=organisations):
        key = (row.service_id, str(row.evidence.get("objective", "")))
        found[key] = (*found.get(key, ()), (str(row.evidence.get("tier_name", row.severity)), row.severity))
    return found


def burn_down(*, objective: Objective, start: datetime, end: datetime, points: int = 120) -> list[BurnPoint]:
    """The budget left at each of `points` instants, each over the window that ended there."""
    step = (end - start) / (points - 1)
    instants = [start + step * i for i in range(points)]
    edges = [*instants, *(instant - objective.window for instant in instants)]
    sums = tallies.at(objectives=[objective.pk], edges=edges)
    began = tallies.began_at([objective.pk])
    result = []
    for i, instant in enumerate(instants):
        if began is None or instant < began:
            result.append(BurnPoint(instant, None))
            continue
        left = _budget(objective, sums.values[0, points + i], sums.values[0, i], burn_rate=None, firing=False)
        result.append(BurnPoint(instant, left.remaining_ratio))
    return result


def burn_windows(*, objective: Objective, now: datetime) -> list[BurnWindow]:
    """The alert windows of one objective now, fastest first, with the reason why each fires or not."""
    chosen = tiers(period=objective.window)
    lengths = sorted({length for tier in chosen for length in (tier.long_seconds, tier.short_seconds)})
    paged = burns.paged_episodes(objectives=[objective], since=now - timedelta(days=3))
    sums = burns.windows(objectives=[objective], seconds=lengths, end=now, paged=paged)
    (judged,) = verdicts(
        windows=sums,
        budget=np.array([float(objective.promise.budget)]),
        tiers=chosen,
        minimum_failures=np.array([float(table().minimum_failures[objective.method])]),
        tick_seconds=FINE_SECONDS,
    )
    firing = {name for name, _ in _firing([objective]).get((objective.service_id, objective.slug), ())}
    return [
        BurnWindow(
            tier=verdict.tier.name,
            severity=verdict.tier.severity,
            long_seconds=verdict.tier.long_seconds,
            short_seconds=verdict.tier.short_seconds,
            factor=verdict.tier.factor,
            burn_long=verdict.burn_long,
            burn_short=verdict.burn_short,
            bad=verdict.bad,
            total=verdict.total,
            partial=verdict.partial,
            firing=verdict.tier.name in firing,
            reason=verdict.reason,
        )
        for verdict in judged
    ]


def bad_events(*, objective: Objective, start: datetime, end: datetime) -> tuple[float, float]:
    """Bad and all underlying events (requests, tokens) between two instants: (2140.0, 9000.0)."""
    _bad, _total, bad, events = burns.bad_between(objective=objective, start=start, end=end)
    return bad, events


def budget_spent(*, objective: Objective, start: datetime, end: datetime) -> float | None:
    """The share of the budget that a stretch of time spent: 0.023 for 5 of 216 bad minutes. None where nothing is known."""
    sums = tallies.at(objectives=[objective.pk], edges=[start, end, end - objective.window])
    before, after, first = sums.values[0]
    whole = _budget(objective, first, after, burn_rate=None, firing=False)
    if whole.allowed is None:
        return None
    return (
        float(after[tallies.TOTAL] - before[tallies.TOTAL]) - float(after[tallies.GOOD] - before[tallies.GOOD])
    ) / whole.allowed


def firing_findings(*, organisation: Organisation, service: Service | None = None) -> list[Finding]:
    """What fires now, pages first, then the oldest."""
    which = Q(organisation=organisation) if service is None else Q(organisation=organisation, service=service)
    order = {FindingSeverity.PAGE: 0, FindingSeverity.TICKET: 1, FindingSeverity.INFO: 2}
    rows = Finding.objects.firing().filter(which).select_related("service")
    return sorted(rows, key=lambda row: (order.get(FindingSeverity(row.severity), 3), row.since))
