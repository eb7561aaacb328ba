"""Budgets, burn-downs and windows of objectives, for pages and dashboards. Only reads."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

import numpy as np
from django.db.models import Q

from observability.core.models import Organisation
from sloengine.budgets.budget import OVERFULL, Budget, BudgetState, budget
from sloengine.budgets.burnrate import Reason, unreachable_notice, verdicts
from sloengine.budgets.burns import queries as burns
from sloengine.budgets.burns.evidence import span
from sloengine.budgets.burns.loud import only
from sloengine.budgets.counting.queries import EVER, Span, Spans, sums_over, with_parts
from sloengine.budgets.exclusions.queries import adjustments
from sloengine.budgets.models import Finding, FindingKind, FindingSeverity
from sloengine.budgets.slices import FINE_SECONDS
from sloengine.budgets.tallies import queries as tallies
from sloengine.budgets.windows import tiers_of
from sloengine.catalog.models import Service
from sloengine.objectives.calendars import Period
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
    """The budgets of these objectives, in their order; as many statements whatever their number."""
    if not objectives:
        return []
    hours = [(now - HOUR * (i + 1), now - HOUR * i) for i in range(23, -1, -1)]
    reckoned = _reckoned(objectives, [hours] * len(objectives), now=now)
    firing = _firing(objectives)
    result = []
    for row, objective in enumerate(objectives):
        names = firing.get((objective.service_id, objective.slug), ())
        ratios = [reckoned.ratio(row, column) for column in range(len(hours))]
        rate = None if ratios[-1] is None else ratios[-1] / float(objective.promise.budget)
        paging = any(severity == FindingSeverity.PAGE for _, severity in names)
        left = reckoned.budget(row, burn_rate=rate, firing=paging)
        line = tuple(None if ratio is None else 1 - ratio for ratio in ratios)
        result.append(_status(objective, left, rate, tuple(name for name, _ in names), line, reckoned.notice(row)))
    return result


def budgets_now(*, objectives: Sequence[Objective], now: datetime) -> list[Budget]:
    """The budgets alone, of very many objectives."""
    reckoned = _reckoned(objectives, [[]] * len(objectives), now=now)
    return [reckoned.budget(row) for row in range(len(objectives))]


def kept_since(
    *, objectives: Sequence[Objective], since: datetime, now: datetime
) -> list[tuple[float | None, float | None]]:
    """The attained ratio of each since an instant, and what is left of its budget now; None without data."""
    if not objectives:
        return []
    reckoned = _reckoned(objectives, [[(since, now)]] * len(objectives), now=now)
    return [
        (None if (bad := reckoned.ratio(row, 0)) is None else 1 - bad, reckoned.budget(row).remaining_ratio)
        for row in range(len(objectives))
    ]


def what_if(*, objective: Objective, target: Decimal, window: timedelta, now: datetime) -> Budget:
    """The budget of a rolling window with another target: what was measured, excluded and adjusted stays as it is."""
    members = with_parts([objective])
    found = sums_over(objectives=members, spans=[[(now - window, now)]] * len(members), now=now)
    return budget(
        target=target,
        window=window,
        bad=float(found.bad[0, 0]),
        total=float(found.total[0, 0]),
        covered_seconds=float(found.covered[0, 0]),
        slice_seconds=objective.slice_seconds if objective.is_timeslices else None,
        burn_rate=None,
        firing=False,
        excluded_seconds=float(found.excluded[0, 0]),
        adjusted_ratio=float(
            sum(ratio for at, ratio in adjustments([objective]).get(objective.pk, ()) if now - window < at <= now)
        ),
    )


@dataclass(frozen=True, slots=True, eq=False)
class _Reckoned:
    """Sums over the spans that were asked for, and in the last column over the span of the budget at each row's instant."""

    objectives: Sequence[Objective]
    spans: Spans
    periods: Sequence[Period]
    instants: Sequence[datetime]
    adjusted: Sequence[float]

    def ratio(self, row: int, column: int) -> float | None:
        total = float(self.spans.total[row, column])
        return min(max(float(self.spans.bad[row, column]) / total, 0.0), 1.0) if total > 0 else None

    def budget(self, row: int, *, burn_rate: float | None = None, firing: bool = False) -> Budget:
        objective, period = self.objectives[row], self.periods[row]
        return budget(
            target=objective.target,
            window=period.length,
            bad=float(self.spans.bad[row, -1]),
            total=float(self.spans.total[row, -1]),
            covered_seconds=float(self.spans.covered[row, -1]),
            slice_seconds=objective.slice_seconds if objective.is_timeslices else None,
            burn_rate=burn_rate,
            firing=firing,
            elapsed=self.instants[row] - period.start,
            excluded_seconds=float(self.spans.excluded[row, -1]),
            adjusted_ratio=self.adjusted[row],
        )

    def notice(self, row: int) -> str:
        """What is odd about its counts, and what was taken out of them."""
        said = []
        if self.spans.overfull[row, -1]:
            said.append(OVERFULL)
        if self.spans.excluded[row, -1] > 0:
            said.append(f"{span(max(round(self.spans.excluded[row, -1] / 60), 1) * 60)} of the window left out.")
        if self.adjusted[row]:
            said.append(f"{self.adjusted[row] * 100:+g} % of the budget by adjustment.")
        return " ".join(said)


def _reckoned(
    objectives: Sequence[Objective],
    spans: Sequence[Sequence[Span]],
    *,
    now: datetime,
    instants: Sequence[datetime] | None = None,
) -> _Reckoned:
    """`instants`: at which each row's budget is asked; now where left out."""
    at = list(instants or [now] * len(objectives))
    periods = [one.promise.period(instant) for one, instant in zip(objectives, at, strict=True)]
    asked = [[*row, (period.start, instant)] for row, period, instant in zip(spans, periods, at, strict=True)]
    everyone, columns = with_parts(objectives), len(asked[0])
    asked += [[(now, now)] * columns] * (len(everyone) - len(objectives))
    for row, one in enumerate(objectives):  # the parts of a composite are summed over its spans
        if one.is_composite:
            keys = {member.key for member in one.promise.terms.members}
            for place in range(len(objectives), len(everyone)):
                if everyone[place].promise.key in keys:
                    asked[place] = asked[row]
    found = sums_over(objectives=everyone, spans=asked, now=now)
    changes = adjustments(objectives)
    adjusted = [
        float(sum(ratio for when, ratio in changes.get(one.pk, ()) if period.start < when <= instant))
        for one, period, instant in zip(objectives, periods, at, strict=True)
    ]
    return _Reckoned(objectives, found, periods, at, adjusted)


def _status(
    objective: Objective,
    left: Budget,
    rate: float | None,
    firing: tuple[str, ...],
    sparkline: tuple[float | None, ...],
    notice: str,
) -> BudgetStatus:
    promise = objective.promise
    chosen = tiers_of(period=objective.window, alerting=promise.terms.alerting)
    notices = (objective.notice, notice, unreachable_notice(tiers=chosen, budget=float(promise.budget)))
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
        firing=firing,
        sparkline=sparkline,
    )


def _ratio(bad: float, total: float) -> float | None:
    return None if total <= 0 else float(min(max(bad / total, 0.0), 1.0))


def _firing(objectives: Sequence[Objective]) -> dict[tuple[int | None, str], tuple[tuple[str, str], ...]]:
    """The firing tiers by service and objective: ("fast", "page")."""
    found: dict[tuple[int | None, str], tuple[tuple[str, str], ...]] = {}
    organisations = {objective.organisation_id for objective in objectives}
    for row in Finding.objects.firing().filter(kind=FindingKind.BURN, organisation__in=organisations):
        key = (row.service_id, str(row.evidence.get("objective", "")))
        found[key] = (*found.get(key, ()), (str(row.evidence.get("tier_name", row.severity)), row.severity))
    return found


def burn_down(*, objective: Objective, start: datetime, end: datetime, points: int = 120) -> list[BurnPoint]:
    """The budget left at each of some `points` instants, each of the window or period that it lies in."""
    instants = _chart_instants(start=start, end=end, points=points, window=objective.window)
    members = with_parts([objective])
    began = tallies.at(objectives=[one.pk for one in members], edges=[EVER]).ticks[:, 0]
    first = np.nanmin(began) if not np.isnan(began).all() else None
    measured = [at for at in instants if first is not None and at.timestamp() >= first]
    left: dict[datetime, float | None] = {}
    if measured:
        periods = [(objective.promise.period(at).start, at) for at in measured]
        found = sums_over(objectives=members, spans=[periods] * len(members), now=end)
        changes = adjustments([objective]).get(objective.pk, ())
        for column, at in enumerate(measured):
            period = objective.promise.period(at)
            adjusted = float(sum(ratio for when, ratio in changes if period.start < when <= at))
            one = _Reckoned([objective], _column(found, column), [period], [at], [adjusted])
            left[at] = one.budget(0).remaining_ratio
    return [BurnPoint(at, left.get(at)) for at in instants]


def _chart_instants(*, start: datetime, end: datetime, points: int, window: timedelta) -> list[datetime]:
    """`points` instants, a few more or less where many lie in a window: there their distance divides it, so that each window begins
    at another's point and half as many rows are read. 398 days in 400 points of 30-day windows are 399, a day apart."""
    step = (end - start) / (points - 1)
    if window < 8 * step:
        return [start + step * number for number in range(points)]
    step = window / round(window / step)
    count = int((end - start) / step + 1e-9)
    return [end - step * number for number in range(count, -1, -1)]


def _column(spans: Spans, column: int) -> Spans:
    """The first objective's sums over one span."""
    pick = (slice(0, 1), slice(column, column + 1))
    return Spans(spans.start[pick], spans.end[pick], spans.bad[pick], spans.total[pick], spans.covered[pick],
                 spans.excluded[pick], spans.overfull[pick])  # fmt: skip


def burn_windows(*, objective: Objective, now: datetime) -> list[BurnWindow]:
    """The alert windows of one objective now, fastest first, with the reason why each fires or not."""
    chosen = tiers_of(period=objective.window, alerting=objective.promise.terms.alerting)
    if not chosen:
        return []
    lengths = sorted({length for tier in chosen for length in (tier.long_seconds, tier.short_seconds)})
    paged = burns.paged_episodes(objectives=[objective], since=now - timedelta(days=3))
    members = with_parts([objective])
    sums = burns.windows(objectives=members, seconds=lengths, end=now, paged=paged)
    (judged,) = verdicts(
        windows=only(sums, np.array([0])),
        budget=np.array([float(objective.promise.budget)]),
        tiers=chosen,
        minimum_failures=np.array([burns.minimum_failures(objective)]),
        tick_seconds=FINE_SECONDS,
        minimum_events=np.array([objective.promise.terms.alerting.minimum_events or 0.0]),
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
    reckoned = _reckoned([objective], [[(start, end)]], now=end)
    whole = reckoned.budget(0)
    return None if whole.allowed is None else float(reckoned.spans.bad[0, 0]) / whole.allowed


def firing_findings(*, organisation: Organisation, service: Service | None = None) -> list[Finding]:
    """What fires now, pages first, then the oldest."""
    which = Q(organisation=organisation) if service is None else Q(organisation=organisation, service=service)
    order = {FindingSeverity.PAGE: 0, FindingSeverity.TICKET: 1, FindingSeverity.INFO: 2}
    rows = Finding.objects.firing().filter(which).select_related("service")
    return sorted(rows, key=lambda row: (order.get(FindingSeverity(row.severity), 3), row.since))
