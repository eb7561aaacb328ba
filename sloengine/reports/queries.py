"""What reports and /metrics/slo show. Only reads."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta

from django.db.models import Q, prefetch_related_objects

from observability.core.models import Organisation
from probes import exposition
from sloengine.backtests import queries as backtests
from sloengine.backtests.track import judged
from sloengine.budgets.budget import OVERFULL, budget
from sloengine.budgets.burns import queries as burns
from sloengine.budgets.counting.queries import Spans, sums_over, with_parts
from sloengine.budgets.exclusions.calendar import excluded_seconds, stretches, widened
from sloengine.budgets.exclusions.models import Adjustment, Exclusion
from sloengine.budgets.exclusions.queries import exclusions
from sloengine.budgets.models import Finding, FindingKind
from sloengine.objectives.models import Objective
from sloengine.reports import sloth
from sloengine.reports.period import Adjusted, Episode, Excluded, Period, Row, mean_of_ratios
from sloengine.reports.sloth import WINDOWS, Measured

#: Objectives whose results are rendered at once; a scrape of 10,000 streams twenty of these.
CHUNK = 500
WORST = 3


def objectives_of(organisation: Organisation, *, service: str = "") -> list[Objective]:
    rows = Objective.objects.enabled().filter(organisation=organisation).select_related("service")
    return list((rows.filter(service__slug=service) if service else rows).order_by("service__slug", "slug"))


def exposed(*, organisation: Organisation, service: str, now: datetime) -> Iterator[str]:
    """Our results under Sloth's names, as an exposition in pieces."""
    rows = objectives_of(organisation, service=service)
    for begin in range(0, len(rows), CHUNK):
        found = sloth.samples(_measured(rows[begin : begin + CHUNK], now=now))
        types = {one.name: "gauge" for one in found} if begin == 0 else {}
        yield exposition.render(found, types=types)


def report(
    *, organisation: Organisation, period: Period, now: datetime, compat: bool = False, service: str = ""
) -> list[Row]:
    """One row an objective, over the period; with `compat` also Sloth's period ratio."""
    rows = objectives_of(organisation, service=service)
    if not rows:
        return []
    members = with_parts(rows)
    spans = [[(period.start, period.end)]] * len(members)
    sums = sums_over(objectives=members, spans=spans, now=now)
    everything = sums_over(objectives=members, spans=spans, now=now, excluding=False) if sums.excluded.any() else sums
    left_out = _exclusions(organisation, period, now=now)
    adjusted = _adjustments(rows, period)
    episodes = _episodes(organisation, period)
    means = _means(organisation, rows, period, now=now) if compat else {}
    return [
        _row(
            row,
            period,
            bad=float(sums.bad[place, 0]),
            total=float(sums.total[place, 0]),
            covered=float(sums.covered[place, 0]),
            attained_all_ratio=_attained(everything, place),
            excluded_seconds=float(sums.excluded[place, 0]),
            overfull=bool(sums.overfull[place, 0]),
            exclusions=tuple(told for one, told in left_out if one.touches(row)),
            adjustments=adjusted.get(row.pk, ()),
            episodes=episodes.get((row.service_id, row.slug), []),
            compat_ratio=means.get(row.promise.key),
        )
        for place, row in enumerate(rows)
    ]


def _row(
    row: Objective,
    period: Period,
    *,
    bad: float,
    total: float,
    covered: float,
    attained_all_ratio: float | None,
    excluded_seconds: float,
    overfull: bool,
    exclusions: tuple[Excluded, ...],
    adjustments: tuple[Adjusted, ...],
    episodes: Sequence[Episode],
    compat_ratio: float | None,
) -> Row:
    found = budget(
        target=row.target,
        window=period.span,
        bad=bad,
        total=total,
        covered_seconds=covered,
        slice_seconds=row.slice_seconds if row.is_timeslices else None,
        burn_rate=None,
        firing=any(one.cleared_at is None and one.severity == "page" for one in episodes),
        excluded_seconds=excluded_seconds,
        adjusted_ratio=float(sum(one.ratio for one in adjustments)),
    )
    return Row(
        service=row.service.slug,
        objective=row.slug,
        goal=row.goal,
        state=str(found.state),
        target=row.promise.target,
        attained_ratio=found.attained_ratio,
        spent_ratio=found.spent_ratio,
        bad=bad,
        total=total,
        unit=row.unit,
        burn_rate=bad / total / float(row.promise.budget) if total > 0 else None,
        alerts=len(episodes),
        worst=tuple(sorted(episodes, key=lambda one: -(one.bad or 0.0))[:WORST]),
        partial=found.partial,
        notice=" ".join(said for said in (row.notice, OVERFULL if overfull else "") if said),
        attained_all_ratio=attained_all_ratio,
        excluded_seconds=excluded_seconds,
        exclusions=exclusions,
        adjustments=adjustments,
        compat_ratio=compat_ratio,
    )


def _measured(rows: Sequence[Objective], *, now: datetime) -> Iterator[Measured]:
    by_window: dict[timedelta, list[Objective]] = defaultdict(list)
    for row in rows:
        by_window[row.window].append(row)
    for window, members in by_window.items():
        seconds = sorted({*WINDOWS, int(window.total_seconds())})
        sums = burns.windows(objectives=with_parts(members), seconds=seconds, end=now, paged={})
        for place, row in enumerate(members):
            yield Measured(
                row.promise,
                {
                    each: float(sums.bad[place, column] / sums.total[place, column])
                    if sums.total[place, column] > 0
                    else None
                    for column, each in enumerate(seconds)
                },
            )


def _episodes(organisation: Organisation, period: Period) -> Mapping[tuple[int | None, str], list[Episode]]:
    """The burns that fired in the period, by service and objective."""
    rows = Finding.objects.filter(organisation=organisation, kind=FindingKind.BURN, since__lt=period.end)
    found: dict[tuple[int | None, str], list[Episode]] = defaultdict(list)
    for row in rows.filter(Q(cleared_at=None) | Q(cleared_at__gt=period.start)):
        known = row.evidence
        bad = known.get("bad_events", known.get("episode_bad"))
        found[row.service_id, str(known.get("objective", ""))].append(
            Episode(
                tier=str(known.get("tier_name", row.severity)),
                severity=row.severity,
                since=row.since,
                cleared_at=row.cleared_at,
                bad=None if bad is None else float(bad),
                unit=str(known.get("events_noun", known.get("unit", ""))),
                summary=str(known.get("summary", row.reason)),
            )
        )
    return found


def _exclusions(organisation: Organisation, period: Period, *, now: datetime) -> list[tuple[Exclusion, Excluded]]:
    """What was left out of the period, as long as it really was: widened to what history keeps."""
    found = []
    rows = exclusions(organisation_id=organisation.pk, start=period.start, end=period.end)
    prefetch_related_objects(rows, "service", "objective__service")
    for row in rows:
        parts = [widened(one, now=now) for one in stretches(row.rule, start=period.start, end=period.end)]
        if parts:
            seconds = excluded_seconds(parts, start=period.start, end=period.end)
            scope = (
                row.objective.promise.key
                if row.objective
                else f"all of {row.service.slug}"
                if row.service
                else "everything"
            )
            found.append((row, Excluded(scope, parts[0].start, seconds, row.reason, row.created_by)))
    return found


def _adjustments(rows: Sequence[Objective], period: Period) -> dict[int, tuple[Adjusted, ...]]:
    found: dict[int, tuple[Adjusted, ...]] = {}
    made = Adjustment.objects.filter(objective__in=[row.pk for row in rows], at__gt=period.start, at__lte=period.end)
    for one in made.order_by("at", "pk"):
        told = Adjusted(one.at, one.ratio, one.reason, one.created_by)
        found[one.objective_id] = (*found.get(one.objective_id, ()), told)
    return found


def _attained(sums: Spans, place: int) -> float | None:
    total = float(sums.total[place, 0])
    return 1 - float(sums.bad[place, 0]) / total if total > 0 and sums.covered[place, 0] > 0 else None


def _means(
    organisation: Organisation, rows: Sequence[Objective], period: Period, *, now: datetime
) -> dict[str, float | None]:
    promises = [row.promise for row in rows if not row.is_composite]
    tracks = backtests.recorded(organisation=organisation, promises=promises, start=period.start, now=now)
    return {
        promise.key: None
        if tracks[promise.key].empty
        else mean_of_ratios(judged(tracks[promise.key], promise), start=period.start, end=period.end)
        for promise in promises
    }
