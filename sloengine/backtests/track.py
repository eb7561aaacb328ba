"""What was measured of one objective, as prefix sums at instants. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np
import numpy.typing as npt

from sloengine.budgets.slices import Counters, Coverage, accumulate
from sloengine.objectives.objective import Bound, Method, Objective

Vector = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Track:
    """Totals since the beginning at rising instants (unix seconds): measured counters, and readings that held the signal.

    `fine_from`: before it the history is kept more coarsely than alerts are judged.
    """

    at: Vector
    numerator: Vector
    denominator: Vector
    readings: Vector
    bound: Bound | None = None
    fine_from: datetime | None = None

    @property
    def empty(self) -> bool:
        return len(self.at) < 2 or bool(self.readings[-1] <= self.readings[0])

    @property
    def overfull(self) -> bool:
        """Whether more was counted as good than there was at all."""
        good, total = (float(one[-1] - one[0]) for one in (self.numerator, self.denominator))
        return good > total * (1 + 1e-9) + 1e-6

    @property
    def start(self) -> datetime:
        return moment(self.at[0])

    @property
    def end(self) -> datetime:
        return moment(self.at[-1])


@dataclass(frozen=True, slots=True, eq=False)
class Judged:
    """A track as the budget of one objective counts it: good, total and covered seconds, totals at the same instants."""

    at: Vector
    good: Vector
    total: Vector
    covered: Vector

    def places(self, seconds: Vector | float) -> npt.NDArray[np.intp]:
        """The row that answers for each instant less so many seconds: the last at or before it, else the first."""
        found: npt.NDArray[np.intp] = np.searchsorted(self.at, self.at - seconds, side="right") - 1
        return np.maximum(found, 0)


def judged(track: Track, promise: Objective) -> Judged:
    """Slices are judged one by one, as live, or count by their own ratios; occurrences count as they are."""
    covered = _covered(track)
    if promise.method is Method.OCCURRENCES:
        return Judged(track.at, track.numerator - track.numerator[0], track.denominator - track.denominator[0], covered)
    steps = [
        Counters(moment(at), float(numerator), float(denominator), float(seconds))
        for at, numerator, denominator, seconds in zip(
            track.at, track.numerator, track.denominator, covered, strict=True
        )
    ]
    counted = accumulate(
        anchor=steps[0],
        steps=steps[1:],
        slice_seconds=promise.slice_seconds,
        slice_target=promise.slice_target if promise.method is Method.TIMESLICES else None,
        good=0.0,
        total=0.0,
    )
    both = np.array([(0.0, 0.0), *counted])
    return Judged(track.at, both[:, 0], both[:, 1], covered)


def _covered(track: Track) -> Vector:
    last = Coverage(track.start, float(track.readings[0]), None, 0.0)
    seconds = [0.0]
    for at, readings in zip(track.at[1:], track.readings[1:], strict=True):
        last = last.next(at=moment(at), readings=float(readings))
        seconds.append(last.seconds)
    return np.array(seconds)


def instants(*, start: datetime, end: datetime, step: timedelta) -> Sequence[datetime]:
    """Evenly spaced from the first multiple of `step` at or after `start`."""
    seconds = step.total_seconds()
    first = -(-start.timestamp() // seconds) * seconds
    count = int((end.timestamp() - first) // seconds) + 1
    return [moment(first + seconds * i) for i in range(max(count, 0))]


def moment(at: float) -> datetime:
    return datetime.fromtimestamp(float(at), UTC)
