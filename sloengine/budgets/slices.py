"""Timeslices: was this minute good? Pure.

A slice is judged once, from the counters at its two ends: 940 of 1,000 first tokens within 250 ms is 0.94, which misses a
slice target of 0.95. A slice without events is not judged (zero traffic), nor is one without data; neither counts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum

#: Objectives are tallied on this grid, whatever the tick of a source.
FINE_SECONDS = 30
FINE_STEP = timedelta(seconds=FINE_SECONDS)
#: 0.95 x 100 is 94.99999999999999 or 95 depending on the binary form: a millionth of an event decides nothing.
NOTHING = 1e-6


class Judgement(StrEnum):
    GOOD = "good"
    BAD = "bad"
    ZERO_TRAFFIC = "zero traffic"
    NO_DATA = "no data"


def judge(*, numerator: float, denominator: float, covered_seconds: float, slice_target: float) -> Judgement:
    """Compared as numerator against target x denominator, so that 95 of 100 at 0.95 is good; nothing is rounded."""
    if covered_seconds <= 0:
        return Judgement.NO_DATA
    if denominator <= 0:
        return Judgement.ZERO_TRAFFIC
    return Judgement.GOOD if numerator >= slice_target * denominator - NOTHING else Judgement.BAD


def is_boundary(tick: datetime, *, slice_seconds: int) -> bool:
    """Slices are aligned to the clock: a 1-minute slice ends at :00 of every minute."""
    return int(tick.timestamp()) % slice_seconds == 0


def boundary(at: datetime, *, slice_seconds: int) -> datetime:
    """The last slice boundary at or before an instant: 12:01:00 of 12:01:30 and of 12:01:00 itself."""
    return datetime.fromtimestamp(int(at.timestamp()) // slice_seconds * slice_seconds, UTC)


@dataclass(frozen=True, slots=True)
class Counters:
    """Totals at one instant: numerator, denominator, seconds with data."""

    at: datetime
    numerator: float
    denominator: float
    covered_seconds: float


#: Increments span a gap of this length exactly, so it counts as time with data; a longer one was an absence.
BRIDGED_SECONDS = 300


@dataclass(frozen=True, slots=True)
class Coverage:
    """How long there was data: readings so far, the last instant that had one, and seconds covered."""

    at: datetime
    readings: float
    seen_at: datetime | None
    seconds: float

    def next(self, *, at: datetime, readings: float) -> Coverage:
        """The coverage at the next instant: time counts once a reading came, back to the reading before it.

        A reading every five minutes covers all the time; after two hours without one, five minutes of them.
        """
        if readings <= self.readings:
            return Coverage(at, self.readings, self.seen_at, self.seconds)
        step = (at - self.at).total_seconds()
        since = (at - (self.seen_at or self.at)).total_seconds()
        return Coverage(at, readings, at, self.seconds + min(since, max(step, BRIDGED_SECONDS)))


def accumulate(
    *,
    anchor: Counters,
    steps: Sequence[Counters],
    slice_seconds: int,
    slice_target: float | None,
    good: float,
    total: float,
) -> list[tuple[float, float]]:
    """Good and all slices up to each step, counted on from `good` and `total` at the anchor, the last slice boundary judged.

    Without a slice target (ratio timeslices) a slice is as good as its own ratio: 94 of 100 within count 0.94.

    Where history is kept more coarsely than slices, an hour with data is judged as a whole and counts as 60 one-minute slices:
    the best that can be said of it.
    """
    result: list[tuple[float, float]] = []
    last = anchor
    for step in steps:
        if is_boundary(step.at, slice_seconds=slice_seconds):
            counted, events = step.numerator - last.numerator, step.denominator - last.denominator
            judgement = judge(
                numerator=counted,
                denominator=events,
                covered_seconds=step.covered_seconds - last.covered_seconds,
                slice_target=slice_target or 0.0,
            )
            if judgement in (Judgement.GOOD, Judgement.BAD):
                slices = max(1.0, (step.covered_seconds - last.covered_seconds) // slice_seconds)
                total += slices
                if slice_target is None:
                    good += slices * min(max(counted / events, 0.0), 1.0)
                else:
                    good += slices if judgement is Judgement.GOOD else 0.0
            last = step
        result.append((good, total))
    return result


def ticks_between(*, start: datetime, end: datetime, now: datetime) -> list[datetime]:
    """The instants after `start` up to `end` at which totals are kept: every 30 s for 7 h, 5 min for 4 days, then 1 h."""
    ticks: list[datetime] = []
    at = start.timestamp()
    while True:
        age = now.timestamp() - at
        step = FINE_SECONDS if age <= 7 * 3600 else 300 if age <= 4 * 86400 else 3600
        at = (at // step + 1) * step
        if at > end.timestamp():
            return ticks
        ticks.append(datetime.fromtimestamp(at, UTC))
