"""A track through the code that live evaluation uses: verdicts of all windows, tiers that inhibit slower ones, findings that open,
hold and clear. Pure.

Rows of the verdicts' matrices are instants here, not objectives. Only instants at which some tier could fire, or at which an
alert stands open, are judged one by one; the rest is a comparison of arrays.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

import numpy as np
import numpy.typing as npt

from sloengine.backtests.counted import Counted, Past
from sloengine.backtests.track import Vector, moment
from sloengine.budgets.budget import OVERFULL, Budget, budget
from sloengine.budgets.burnrate import Verdict, Windows, unreachable_notice, verdicts
from sloengine.budgets.burns.evidence import condition
from sloengine.budgets.burns.loud import all_bad, may_burn
from sloengine.budgets.findings.steps import (
    Condition,
    Episode,
    Minute,
    Standing,
    Step,
    impact_start,
    merged,
    next_step,
)
from sloengine.budgets.slices import FINE_SECONDS
from sloengine.budgets.windows import Tier, table, tiers_of
from sloengine.objectives.objective import TIMED, Method, Objective

#: Instants judged at once while something may fire; an alert that clears changes what later ones count.
CHUNK = 60
LOOK_BACK_SECONDS = 2 * 3600
POINTS = 200


@dataclass(frozen=True, slots=True)
class Alert:
    """One alert that would have fired; `cleared_at` is None where it still does at the end."""

    tier: str
    severity: str
    since: datetime
    cleared_at: datetime | None
    impact_start: datetime
    burn_long: float | None
    burn_short: float | None
    bad: float
    total: float


@dataclass(frozen=True, slots=True)
class Point:
    """The budget left at an instant, and how fast it was spent since the point before: 1 is as fast as it may be; None of nothing."""

    at: datetime
    remaining_ratio: float | None
    burn_rate: float | None


@dataclass(frozen=True, slots=True)
class Outcome:
    """One objective over a stretch of time. The budget is that of the window which ends with it."""

    promise: Objective
    start: datetime
    end: datetime
    alerts: tuple[Alert, ...]
    budget: Budget
    curve: tuple[Point, ...]
    notices: tuple[str, ...]

    @property
    def pages(self) -> int:
        return sum(alert.severity == "page" for alert in self.alerts)


def replay(*, past: Past, start: datetime, points: int = POINTS) -> Outcome:
    """Every alert since `start`, and the budget at the end. What was measured before `start` fills the windows."""
    promise, notices = past.promise, _notices(past, start)
    if past.empty:
        return Outcome(
            promise, start, start, (), _budget_at(promise, None, start), (), (*notices, "Nothing was measured.")
        )
    counted = Counted(past)
    first, last = max(start, moment(counted.at[0])), moment(counted.at[-1])
    alerts = _Player(promise, counted).play(start.timestamp())
    curve = _curve(promise, counted, first, points)
    return Outcome(promise, first, last, alerts, _budget_at(promise, counted, last), curve, notices)


@dataclass(slots=True)
class _Open:
    alert: Alert
    quiet_since: datetime | None = None


class _Player:
    """Steps through the instants of one track and keeps what stands open."""

    def __init__(self, promise: Objective, counted: Counted) -> None:
        self._promise, self._counted = promise, counted
        alerting = promise.terms.alerting
        self._tiers = tiers_of(period=promise.window, alerting=alerting)
        own = alerting.minimum_failures
        self._minimum_failures = float(table().minimum_failures[promise.method]) if own is None else own
        self._rule = table().sustained
        self._timeslices = promise.method is not Method.OCCURRENCES
        by_table = alerting.enabled and not alerting.alerts
        named = not alerting.tiers or self._rule.name in alerting.tiers
        judged = promise.method is Method.TIMESLICES
        self._sustains = by_table and named and judged and promise.indicator in TIMED
        lengths = {length for tier in self._tiers for length in (tier.long_seconds, tier.short_seconds)}
        if self._timeslices:
            lengths.add(self._rule.slices * promise.slice_seconds)
        self._lengths = tuple(sorted(lengths))
        self._bad, self._total, self._seen = self._sums()
        self._open: dict[str, _Open] = {}
        self._done: list[Alert] = []
        self._episodes: list[Episode] = []

    def play(self, start: float) -> tuple[Alert, ...]:
        if not self._tiers:
            return ()
        possible = np.flatnonzero(self._possible())
        row, last = int(np.searchsorted(self._counted.at, start)), len(self._counted.at)
        while row < last:
            rows = np.arange(row, min(row + CHUNK, last))
            if not self._open:
                first = int(np.searchsorted(possible, row))
                rows = possible[first : first + CHUNK]
                if not len(rows):
                    break
            row = self._judge(rows)
        self._done += [replace(one.alert, cleared_at=None) for one in self._open.values()]
        return tuple(sorted(self._done, key=lambda alert: (alert.since, alert.tier)))

    def _judge(self, rows: npt.NDArray[np.intp]) -> int:
        """Judge these rows until something opens where nothing stood open, or clears; the next row to judge."""
        calm = not self._open
        sums = self._windows(rows, self._answered(rows))
        judged_rows = verdicts(
            windows=sums,
            budget=np.full(len(rows), float(self._promise.budget)),
            tiers=self._tiers,
            minimum_failures=np.full(len(rows), self._minimum_failures),
            tick_seconds=FINE_SECONDS,
            minimum_events=np.full(len(rows), self._promise.terms.alerting.minimum_events or 0.0),
        )
        for row, found in zip(rows.tolist(), judged_rows, strict=True):
            cleared = self._step(row, found)
            if cleared or calm is bool(self._open):
                return int(row) + 1
        return int(rows[-1]) + 1

    def _step(self, row: int, found: Sequence[Verdict]) -> bool:
        """One instant, fastest tier first: while a faster one fires, or is about to, slower ones do not open."""
        now, faster, cleared = moment(self._counted.at[row]), False, False
        for place, verdict in enumerate(found):
            holds = condition(verdict)
            firing = verdict.tier.name in self._open
            if holds is Condition.TRUE and not firing and (faster or not self._held(row, verdict.tier)):
                holds = Condition.FALSE
            cleared |= self._settle(row, now, verdict.tier.name, verdict.tier.severity, holds, verdict)
            faster = faster or firing or holds is Condition.TRUE
            if place == 0 and self._sustains:
                firing = self._rule.name in self._open
                holds = self._sustained(row)
                if faster and not firing and holds is Condition.TRUE:
                    holds = Condition.FALSE
                cleared |= self._settle(row, now, self._rule.name, self._rule.severity, holds, None)
                faster = faster or firing or holds is Condition.TRUE
        return cleared

    def _settle(
        self, row: int, now: datetime, name: str, severity: str, holds: Condition, verdict: Verdict | None
    ) -> bool:
        standing = self._open.get(name)
        step = next_step(
            condition=holds,
            standing=Standing(standing.quiet_since) if standing is not None else None,
            now=now,
            clear_after=table().clear_after,
        )
        if standing is None:
            if step is Step.OPEN:
                self._open[name] = _Open(self._alert(row, now, name, severity, verdict))
            return False
        if step is Step.CLEAR:
            done = replace(standing.alert, cleared_at=now)
            bad, total = self._between(done.impact_start, now)
            if done.severity == "page":
                self._episodes.append(Episode(start=done.impact_start, end=now, bad=bad))
            self._done.append(replace(done, bad=bad, total=total))
            del self._open[name]
            return True
        if step in (Step.QUIET, Step.LOUD):
            standing.quiet_since = now if step is Step.QUIET else None
        return False

    def _alert(self, row: int, now: datetime, name: str, severity: str, verdict: Verdict | None) -> Alert:
        ratio = 0.0
        burn: tuple[float | None, float | None] = (1 / float(self._promise.budget),) * 2
        if verdict is not None:
            ratio = 0.0 if self._timeslices else verdict.tier.factor * float(self._promise.budget)
            burn = verdict.burn_long, verdict.burn_short
        start = impact_start(self._minutes(row, bad_ratio=ratio)) or now
        bad, total = self._between(start, now)
        return Alert(name, severity, now, None, start, *burn, bad, total)

    def _minutes(self, row: int, *, bad_ratio: float) -> list[Minute]:
        """The last two hours, a slice or a minute at a time."""
        step = self._promise.slice_seconds if self._timeslices else 60
        last = self._counted.at[row] // FINE_SECONDS * FINE_SECONDS
        edges = last - step * np.arange(LOOK_BACK_SECONDS // step, -1, -1)
        failed, total, _ = self._counted.plain(edges[:-1], edges[1:])
        return [
            Minute(moment(edge), None if counted <= 0 else bool(bad > bad_ratio * counted))
            for edge, bad, counted in zip(edges[:-1], failed, total, strict=True)
        ]

    def _between(self, start: datetime, end: datetime) -> tuple[float, float]:
        """Bad and all that was measured between two instants: an alert tells what there was."""
        bad, total, _ = self._counted.plain(np.array([start.timestamp()]), np.array([end.timestamp()]))
        return float(bad[0]), float(total[0])

    def _sustained(self, row: int) -> Condition:
        column = self._lengths.index(self._rule.slices * self._promise.slice_seconds)
        if self._total[row, column] >= self._rule.slices and self._bad[row, column] >= self._total[row, column]:
            return Condition.TRUE
        return Condition.UNKNOWN if self._seen[row, column] <= 0 else Condition.FALSE

    def _sums(self) -> tuple[Vector, Vector, Vector]:
        """Bad, total and covered seconds of each window at each instant."""
        ends = np.repeat(self._counted.at[:, None], len(self._lengths), axis=1)
        return self._counted.over(ends - np.array(self._lengths, float), ends)

    def _windows(self, rows: npt.NDArray[np.intp], answered: Vector) -> Windows:
        """The windows of these rows."""
        return Windows(
            seconds=self._lengths,
            bad=self._bad[rows],
            total=self._total[rows],
            covered=self._seen[rows],
            answered=answered,
            age_seconds=self._counted.at[rows] - self._counted.at[0],
        )

    def _possible(self) -> npt.NDArray[np.bool_]:
        """Where some tier, or the sustained rule, may fire, whatever else is asked of it."""
        rows = np.arange(len(self._bad))
        windows = self._windows(rows, np.zeros(self._bad.shape))
        found = may_burn(windows, budget=np.full(len(rows), float(self._promise.budget)), tiers=self._tiers)
        if self._sustains:
            slices = self._rule.slices
            found |= all_bad(windows, slices=slices, seconds=slices * self._promise.slice_seconds)
        return found

    def _held(self, row: int, tier: Tier) -> bool:
        """Whether it has burned for as long as the tier asks, looked at once a minute."""
        backs = self._counted.at[row] - np.arange(60, tier.hold_seconds + 1, 60)
        rows = np.maximum(np.searchsorted(self._counted.at, backs, side="right") - 1, 0)
        windows = self._windows(rows, np.zeros((len(rows), len(self._lengths))))
        return bool(may_burn(windows, budget=np.full(len(rows), float(self._promise.budget)), tiers=[tier]).all())

    def _answered(self, rows: npt.NDArray[np.intp]) -> Vector:
        """What of each window was paged already: whole episodes that ended within it."""
        found = np.zeros((len(rows), len(self._lengths)))
        for episode in merged(self._episodes):
            since = self._counted.at[rows][:, None] - np.array(self._lengths)
            found += np.where(since < episode.end.timestamp(), episode.bad, 0.0)
        return found


def _curve(promise: Objective, counted: Counted, start: datetime, points: int) -> tuple[Point, ...]:
    edges = np.linspace(start.timestamp(), counted.at[-1], points)
    bad, total, _ = counted.over(np.maximum(edges - (edges[1] - edges[0]), counted.at[0]), edges)
    rows = np.maximum(np.searchsorted(counted.at, edges, side="right") - 1, 0)
    allowed = float(promise.budget)
    return tuple(
        Point(
            moment(edge),
            _budget_at(promise, counted, moment(counted.at[row])).remaining_ratio,
            float(wrong / whole / allowed) if whole > 0 else None,
        )
        for edge, row, wrong, whole in zip(edges, rows, bad, total, strict=True)
    )


def _budget_at(promise: Objective, counted: Counted | None, now: datetime) -> Budget:
    """The budget of the window, or the calendar's period, that `now` lies in."""
    bad = total = covered = excluded = adjusted = 0.0
    period = promise.period(now)
    if counted is not None:
        start, end = np.array([period.start.timestamp()]), np.array([now.timestamp()])
        bad, total, covered = (float(one[0]) for one in counted.over(start, end))
        excluded = float(counted.excluded(start, end)[0])
        adjusted = counted.decided.adjusted(start=period.start, end=now)
    return budget(
        target=promise.target,
        window=period.length,
        bad=bad,
        total=total,
        covered_seconds=covered,
        slice_seconds=None if promise.method is Method.OCCURRENCES else promise.slice_seconds,
        burn_rate=None,
        firing=False,
        elapsed=now - period.start,
        excluded_seconds=excluded,
        adjusted_ratio=adjusted,
    )


def _notices(past: Past, start: datetime) -> tuple[str, ...]:
    promise, tracks = past.promise, list(past.tracks())
    found = [
        *past.notices,
        *(track.bound.notice for track in tracks if track.bound is not None),
        OVERFULL if any(track.overfull for track in tracks) else "",
        unreachable_notice(
            tiers=tiers_of(period=promise.window, alerting=promise.terms.alerting), budget=float(promise.budget)
        ),
    ]
    fine_from = max((track.fine_from for track in tracks if track.fine_from is not None), default=None)
    if fine_from is not None and start < fine_from and moment(min(track.at[0] for track in tracks)) < fine_from:
        found.append(
            f"Before {fine_from:%Y-%m-%d %H:%M} UTC the history is kept in coarser steps: an alert that lasted less"
            " cannot be seen there."
        )
    return tuple(notice for notice in found if notice)
