"""What of a past counts, by the same rules as live: excluded time is taken out, slices that could not be judged are treated,
composites are made of their parts. Pure.

Sums are asked between instants, so one prefix sum of each serves every window. Instants are unix seconds.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from functools import reduce

import numpy as np

from sloengine.backtests.track import Track, Vector, judged
from sloengine.budgets.counting.composite import Parts, composed
from sloengine.budgets.counting.missing import Treated, treated
from sloengine.budgets.exclusions.calendar import Stretch, united
from sloengine.objectives.objective import Method, Objective
from sloengine.objectives.terms import Treatment

Sums = tuple[Vector, Vector, Vector]  # bad, total, covered seconds


@dataclass(frozen=True, slots=True)
class Decided:
    """What was decided about a promise: time that does not count, oldest first and apart, and budgets given back."""

    stretches: tuple[Stretch, ...] = ()
    adjustments: tuple[tuple[datetime, Decimal], ...] = ()

    def adjusted(self, *, start: datetime, end: datetime) -> float:
        """The share of a budget given back in start..end: 0.25 is a quarter of it."""
        return float(sum(ratio for at, ratio in self.adjustments if start < at <= end))


@dataclass(frozen=True, slots=True, eq=False)
class Past:
    """One promise and its past; of a composite the pasts of its parts, and a track of nothing. `notices`: what could not be told."""

    promise: Objective
    track: Track
    decided: Decided = Decided()
    parts: tuple[Past, ...] = ()
    notices: tuple[str, ...] = ()

    @property
    def empty(self) -> bool:
        return all(part.empty for part in self.parts) if self.promise.is_composite else self.track.empty

    def tracks(self) -> Iterator[Track]:
        """Of itself, or of its parts, what is not empty."""
        for one in self.parts if self.promise.is_composite else (self,):
            if not one.track.empty:
                yield one.track


class Counted:
    """What counts of one past between two instants of each pair; `plain` is the same before anything was decided."""

    def __init__(self, past: Past) -> None:
        promise = past.promise
        self.decided = past.decided
        edges = [edge.timestamp() for one in past.decided.stretches for edge in (one.start, one.end)]
        self._edges = np.array(edges)
        self._gone = _gone(edges)
        # What is excluded of a composite alone is taken out of its parts, for it.
        self._parts = [
            (Counted(_excluding(one, past.decided)), _weight(promise, one)) for one in past.parts if not one.empty
        ]
        self._combine = promise.terms.combine
        self._treated: Treated | None = None
        if promise.is_composite:
            self.at: Vector = reduce(np.union1d, (part.at for part, _ in self._parts))
            return
        found = judged(past.track, promise)
        self.at = found.at
        missing = promise.terms.missing
        if promise.method is not Method.OCCURRENCES and (
            missing.no_data is not Treatment.IGNORE or missing.zero_traffic is not Treatment.IGNORE
        ):
            self._treated = Treated(0, promise.slice_seconds, missing)
        self._plain = np.stack((found.good, found.total, found.covered))
        steps = np.diff(self._plain, prepend=self._plain[:, :1])
        for one in past.decided.stretches:
            steps[:, (self.at > one.start.timestamp()) & (self.at <= one.end.timestamp())] = 0.0
        self._kept = np.cumsum(steps, axis=1)

    def over(self, start: Vector, end: Vector) -> Sums:
        """What counts between each start and its end."""
        if self._parts:
            return self._composed([part.over(start, end) for part, _ in self._parts])
        bad, total, covered = self._between(self._kept, start, end)
        if self._treated is not None:
            spans = np.maximum(end - np.maximum(start, self.at[0]) - self.excluded(start, end), 0.0)
            both = treated(
                bad=bad[None], total=total[None], covered=covered[None], spans=spans[None], rows=[self._treated]
            )
            bad, total = both[0][0], both[1][0]
        return bad, total, covered

    def plain(self, start: Vector, end: Vector) -> Sums:
        """What was measured between each start and its end."""
        if self._parts:
            return self._composed([part.plain(start, end) for part, _ in self._parts])
        return self._between(self._plain, start, end)

    def excluded(self, start: Vector, end: Vector) -> Vector:
        """Seconds between each start and its end that do not count."""
        if not len(self._edges):
            return np.zeros(np.shape(end))
        left: Vector = np.interp(end, self._edges, self._gone) - np.interp(start, self._edges, self._gone)
        return left

    def _between(self, sums: Vector, start: Vector, end: Vector) -> Sums:
        """From the last row at or before each instant, else the first."""
        first, last = (np.maximum(np.searchsorted(self.at, edge, side="right") - 1, 0) for edge in (start, end))
        good, total, covered = sums[:, last] - sums[:, first]
        total = np.maximum(total, 0.0)
        return np.clip(total - good, 0.0, total), total, covered

    def _composed(self, sums: list[Sums]) -> Sums:
        """Parts are rows; the composite's own is the last."""
        nothing = np.zeros(np.shape(sums[0][0]))
        bad, total, covered = (np.stack([*part, nothing]) for part in zip(*sums, strict=True))
        rows = tuple(range(len(sums)))
        whole = Parts(len(sums), rows, tuple(weight for _, weight in self._parts), self._combine)
        shape = bad.shape[1:]
        flat = [one.reshape(len(sums) + 1, -1) for one in (bad, total, covered)]
        found = composed(bad=flat[0], total=flat[1], covered=flat[2], composites=[whole])
        return found[0][-1].reshape(shape), found[1][-1].reshape(shape), found[2][-1].reshape(shape)


def _excluding(part: Past, decided: Decided) -> Past:
    if not decided.stretches:
        return part
    both = united([*part.decided.stretches, *decided.stretches])
    return replace(part, decided=replace(part.decided, stretches=tuple(both)))


def _gone(edges: list[float]) -> Vector:
    """Excluded seconds up to each edge: 60 s twice are 0, 60, 60, 120."""
    steps = np.diff(np.array(edges), prepend=edges[:1])
    steps[::2] = 0.0
    found: Vector = np.cumsum(steps)
    return found


def _weight(promise: Objective, part: Past) -> float:
    return next((one.weight for one in promise.terms.members if one.key == part.promise.key), 1.0)
