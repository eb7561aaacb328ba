"""The only reader behind the SLO pages and the SLO dashboard."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from textwrap import shorten

from django.db.models import Case, Count, F, Q, When
from django.db.models.functions import Coalesce
from django.utils import timezone

from observability.core.models import Organisation
from sloengine import charts
from sloengine.budgets import queries as budgets
from sloengine.budgets.burnrate import unreachable_notice
from sloengine.budgets.exclusions.calendar import stretches
from sloengine.budgets.exclusions.models import Adjustment, Exclusion
from sloengine.budgets.exclusions.queries import exclusions
from sloengine.budgets.models import Finding, FindingKind, FindingSeverity
from sloengine.budgets.policies.models import PolicyStanding
from sloengine.budgets.policy import FREE
from sloengine.budgets.tallies import queries as tallies
from sloengine.budgets.windows import tiers_of
from sloengine.catalog.models import Service
from sloengine.collect.queries import warnings_of
from sloengine.detection.queries import leading
from sloengine.objectives.models import IndicatorChoice, Objective, ObjectiveChange
from sloengine.objectives.objective import Indicator, duration
from sloengine.objectives.queries import last_state
from sloengine.objectives.rendering import difference
from sloengine.screens import page as pure
from sloengine.screens.listing import PAGE, Filters, SloList, WhatIf

BURN_POINTS = 120
#: Exclusions to come are listed this far ahead.
COMING = timedelta(days=30)
SHORTEST_CURVE = timedelta(minutes=10)
Curve = tuple[tuple[datetime, float | None], ...]


def slo_rows(*, organisation: Organisation, keys: Sequence[tuple[str, str]], now: datetime) -> tuple[pure.SloRow, ...]:
    """These objectives (service, slug) with their budgets, in this order."""
    slugs = {slug for _, slug in keys}
    fits = Objective.objects.enabled().filter(
        organisation=organisation, service__slug__in={service for service, _ in keys}, slug__in=slugs
    )
    found = {(one.service.slug, one.slug): one for one in fits.select_related("service")}
    return tuple(
        _row(one) for one in budgets.statuses(objectives=[found[key] for key in keys if key in found], now=now)
    )


def slo_list(*, organisation: Organisation, filters: Filters, now: datetime) -> SloList:
    """One page of the objectives that fit, sorted by the database; budgets are reckoned for that page alone.

    Worst first is: burning, then the most spent of those at a step of their policy, then by service; a single page by what is left.
    """
    burning = _burning(organisation)
    fits = Objective.objects.enabled().filter(organisation=organisation)
    if filters.service:
        fits = fits.filter(service__slug=filters.service)
    if filters.indicator:
        fits = fits.filter(indicator=filters.indicator)
    if filters.q:
        fits = fits.filter(
            Q(title__icontains=filters.q) | Q(slug__icontains=filters.q) | Q(service__slug__icontains=filters.q)
        )
    if filters.state == "burning":
        fits = fits.filter(pk__in=burning)
    elif filters.state == "spent":
        fits = fits.filter(standing__isnull=False).exclude(standing__step=FREE)
    counts = fits.aggregate(number=Count("pk"), burning=Count("pk", filter=Q(pk__in=burning)))
    begin = (min(filters.page, max(-(-counts["number"] // PAGE), 1)) - 1) * PAGE
    chosen = fits.annotate(
        calm=Case(When(pk__in=burning, then=0), default=1), spent=Coalesce(F("standing__spent_ratio"), 0.0)
    ).select_related("service")
    found = list(chosen.order_by(*ORDERS[filters.sort])[begin : begin + PAGE])
    rows = [_row(status) for status in budgets.statuses(objectives=found, now=now)]
    if counts["number"] <= PAGE and filters.sort == "worst":
        rows.sort(key=pure.worst_first)
    services = tuple(Service.objects.filter(organisation=organisation).values_list("slug", flat=True))
    page = begin // PAGE + 1
    return SloList(
        replace(filters, page=page),
        services,
        tuple(IndicatorChoice.choices),
        tuple(rows),
        counts["number"],
        counts["burning"],
    )


ORDERS = {
    "worst": ("calm", "-spent", "service__slug", "slug"),
    "service": ("service__slug", "slug"),
    "title": ("title", "service__slug", "slug"),
    "target": ("-target", "service__slug", "slug"),
}


def _burning(organisation: Organisation) -> list[int]:
    """The objectives of which a page fires."""
    firing = Finding.objects.firing().filter(
        organisation=organisation, kind=FindingKind.BURN, severity=FindingSeverity.PAGE
    )
    which = Q()
    for service, slug in firing.values_list("service_id", "evidence__objective"):
        which |= Q(service=service, slug=slug)
    return (
        list(Objective.objects.filter(which, organisation=organisation).values_list("pk", flat=True)) if which else []
    )


def what_if(*, objective: Objective, asked: Mapping[str, str], now: datetime) -> WhatIf:
    """The budget as it would be with another target (percent) and window (days)."""
    promise = objective.promise
    target = asked.get("target") or f"{(promise.target * 100).normalize():f}"
    days = asked.get("days") or f"{objective.window.total_seconds() / 86400:g}"
    try:
        wanted, window = Decimal(target) / 100, timedelta(days=float(days))
        if not 0 < wanted < 1 or not timedelta(hours=1) <= window <= timedelta(days=366):
            raise ValueError
    except (ValueError, ArithmeticError):
        problem = "Give a target above 0 and below 100 %, and a window of up to 366 days."
        return WhatIf(target, days, None, None, None, 0.0, objective.unit, "", problem)
    found = budgets.what_if(objective=objective, target=wanted, window=window, now=now)
    notice = unreachable_notice(
        tiers=tiers_of(period=window, alerting=promise.terms.alerting), budget=float(1 - wanted)
    )
    return WhatIf(
        target, days, found.spent_ratio, found.remaining_ratio, found.allowed, found.bad, objective.unit, notice
    )


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
    measure, state = objective.promise.measures[0], last_state(objective)
    excluded = [
        row
        for row in exclusions(organisation_id=objective.organisation_id, start=start, end=now + COMING)
        if row.touches(objective)
    ]
    adjusted = tuple(objective.adjustments.all()[:20])
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
        warnings=warnings_of(objective),
        last_reading="" if state is None else pure.LAST_READING.get(state, ""),
        chart=_burn_chart(curve, _marks(excluded, adjusted, start=start, end=now)),
        windows=windows,
        changes=tuple((change, _said(change)) for change in objective.changes.all()[:10]),
        exclusions=tuple(excluded),
        adjustments=adjusted,
        standing=PolicyStanding.objects.filter(objective=objective).exclude(step=FREE).first(),
        window_said=objective.promise.terms.calendar.words
        if objective.promise.terms.calendar is not None
        else "rolling",
        tags=objective.promise.terms.tags,
        leading=leading(service=objective.service, now=now).sentence
        if objective.promise.indicator is Indicator.QUALITY
        else "",
    )


def _said(change: ObjectiveChange) -> tuple[str, ...]:
    """The lines of a change, without the objective's name; none for what was added or switched off."""
    if change.before is None or change.after is None:
        return ()
    return tuple(line.split(" ", 2)[2] for line in difference(change.before, change.after))


def _marks(
    excluded: Sequence[Exclusion], adjusted: Sequence[Adjustment], *, start: datetime, end: datetime
) -> charts.Marks:
    """Exclusions and adjustments on the burn-down: where they began, in a word or two."""
    found = [
        charts.Mark(one.start, shorten(row.reason, 24, placeholder="…"))
        for row in excluded
        for one in stretches(row.rule, start=start, end=end)[-5:]
    ]
    found += [charts.Mark(row.at, f"{row.ratio * 100:+.3g} %") for row in adjusted if start <= row.at <= end]
    return charts.Marks(changes=tuple(sorted(found, key=lambda mark: mark.at)))


def _since_data(objectives: Iterable[Objective], *, start: datetime, end: datetime) -> datetime:
    """`start`, or the first tally where that is later: the first hour of a fleet fills the chart, not its last pixel."""
    first = tallies.began_at(one.pk for one in objectives)
    return start if first is None else min(max(start, first), end - SHORTEST_CURVE)


def _judged_at(objective: Objective) -> datetime | None:
    """The last tick that was tallied for it."""
    return tallies.newest_at(objective.pk)


def _burn_chart(curve: Sequence[budgets.BurnPoint], marks: charts.Marks) -> str:
    """The curve as inline SVG, once for a wide page and once for a phone; '' where nothing was measured."""
    if all(point.remaining_ratio is None for point in curve):
        return ""
    points = [charts.Value(point.at, point.remaining_ratio) for point in curve]
    zone = timezone.get_current_timezone()
    return "".join(
        f'<div class="{name}">{charts.burn_down(points, start=points[0].at, end=points[-1].at, marks=marks, width=width, zone=zone)}</div>'
        for name, width in (("wide-only", 1100), ("phone-only", charts.NARROW))
    )


def burn_downs(
    *, organisation: Organisation, keys: Sequence[tuple[str, str]], start: datetime, end: datetime, points: int
) -> Mapping[tuple[str, str], Curve]:
    """Budget left over time of these objectives (service, slug); without one where nothing was measured."""
    if not keys:
        return {}
    which = Q()
    for service, slug in keys:
        which |= Q(service__slug=service, slug=slug)
    rows = list(Objective.objects.enabled().filter(which, organisation=organisation).select_related("service"))
    start = _since_data(rows, start=start, end=end)
    found: dict[tuple[str, str], Curve] = {}
    for objective in rows:
        curve = budgets.burn_down(objective=objective, start=start, end=end, points=points)
        if any(point.remaining_ratio is not None for point in curve):
            found[objective.service.slug, objective.slug] = tuple((point.at, point.remaining_ratio) for point in curve)
    return found
