"""What reports and /metrics/slo show. Only reads."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta

from django.db.models import Q

from observability.core.models import Organisation
from probes import exposition
from sloengine.backtests import queries as backtests
from sloengine.backtests.track import judged
from sloengine.budgets.budget import budget
from sloengine.budgets.burns import queries as burns
from sloengine.budgets.models import Finding, FindingKind
from sloengine.objectives.models import Objective
from sloengine.reports import sloth
from sloengine.reports.period import Episode, Period, Row, mean_of_ratios
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


def report(*, organisation: Organisation, period: Period, now: datetime, compat: bool = False) -> list[Row]:
    """One row an objective, over the period; with `compat` also Sloth's period ratio."""
    rows = objectives_of(organisation)
    if not rows:
        return []
    seconds = max(int(period.span.total_seconds()), 60)
    sums = burns.windows(objectives=rows, seconds=[seconds], end=period.end, paged={})
    episodes = _episodes(organisation, period)
    means = _means(organisation, rows, period, now=now) if compat else {}
    return [
        _row(
            row,
            period,
            bad=float(sums.bad[place, 0]),
            total=float(sums.total[place, 0]),
            covered=float(sums.covered[place, 0]),
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
        notice=row.notice,
        compat_ratio=compat_ratio,
    )


def _measured(rows: Sequence[Objective], *, now: datetime) -> Iterator[Measured]:
    by_window: dict[timedelta, list[Objective]] = defaultdict(list)
    for row in rows:
        by_window[row.window].append(row)
    for window, members in by_window.items():
        seconds = sorted({*WINDOWS, int(window.total_seconds())})
        sums = burns.windows(objectives=members, seconds=seconds, end=now, paged={})
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


def _means(
    organisation: Organisation, rows: Sequence[Objective], period: Period, *, now: datetime
) -> dict[str, float | None]:
    promises = [row.promise for row in rows]
    tracks = backtests.recorded(organisation=organisation, promises=promises, start=period.start, now=now)
    return {
        promise.key: None
        if tracks[promise.key].empty
        else mean_of_ratios(judged(tracks[promise.key], promise), start=period.start, end=period.end)
        for promise in promises
    }
