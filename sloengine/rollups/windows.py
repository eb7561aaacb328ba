"""What happened in a window: histogram and gauge increments, quantiles with their bracket. Pure.

REQUIREMENTS R35: a service's p95 is the quantile of bucket increments summed over its replicas; p95s are never averaged; where
bucket bounds differ, only bounds common to all are answered; a quantile inside a bucket comes with the bucket it lies in.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Edges:
    """The instants a window truly runs between: the rows at or before the edges that were asked for."""

    start: datetime
    end: datetime

    @property
    def seconds(self) -> float:
        return (self.end - self.start).total_seconds()


@dataclass(frozen=True, slots=True)
class HistogramIncrement:
    """Events of a window: `counts[i]` of them were at or below `bounds[i]` (the last bound is infinity)."""

    bounds: tuple[float, ...]
    counts: tuple[float, ...]
    sum: float
    count: float

    @property
    def mean(self) -> float | None:
        return self.sum / self.count if self.count > 0 else None


@dataclass(frozen=True, slots=True)
class GaugeWindow:
    """A gauge over the readings of a window: each tick of each replica is one of `n`. None where nothing was read."""

    n: float
    mean: float | None
    stdev: float | None


@dataclass(frozen=True, slots=True)
class Quantile:
    """`value` is interpolated inside the bucket (low, high]; where the last bucket is reached `high` is infinity and the value
    is only a lower bound. 100 events, 90 at most 0.1 s and 100 at most 0.2 s: p95 is 0.15, somewhere in (0.1, 0.2]."""

    value: float
    low: float
    high: float


def quantile(histogram: HistogramIncrement, q: float) -> Quantile | None:
    """The q-quantile (0..1), as Prometheus' histogram_quantile has it; None without events or buckets."""
    if not 0 <= q <= 1:
        raise ValueError(f"q is {q}, expected 0..1")
    counts = _rising(histogram.counts)
    total = counts[-1] if counts else 0.0
    if total <= 0:
        return None
    rank = q * total
    place = next(i for i, count in enumerate(counts) if count >= rank and count > 0)
    low = histogram.bounds[place - 1] if place else min(0.0, histogram.bounds[0])
    high = histogram.bounds[place]
    if math.isinf(high):
        return Quantile(low, low, high)
    before = counts[place - 1] if place else 0.0
    inside = counts[place] - before
    share = (rank - before) / inside if inside > 0 else 1.0
    return Quantile(low + (high - low) * max(share, 0.0), low, high)


def count_within(histogram: HistogramIncrement, bound: float) -> float | None:
    """Events at or below `bound`; None where it is no bucket bound: between two bounds nobody knows."""
    for one, count in zip(histogram.bounds, histogram.counts, strict=True):
        if math.isclose(one, bound, rel_tol=1e-9):
            return count
    return None


def share_within(histogram: HistogramIncrement, bound: float) -> float | None:
    """The ratio of events at or below `bound`; None without events, or where the bound is unknown."""
    within = count_within(histogram, bound)
    return within / histogram.count if within is not None and histogram.count > 0 else None


def merge(histograms: Iterable[HistogramIncrement]) -> HistogramIncrement | None:
    """Their sum, at the bounds common to all that had events; None of none."""
    every = list(histograms)
    if not every:
        return None
    active = [one for one in every if one.count > 0 and one.bounds] or [one for one in every if one.bounds] or every[:1]
    common = [bound for bound in active[0].bounds if all(bound in one.bounds for one in active[1:])]
    counts = [sum(one.counts[one.bounds.index(bound)] for one in active) for bound in common]
    return HistogramIncrement(
        tuple(common), tuple(counts), sum(one.sum for one in every), sum(one.count for one in every)
    )


def gauge_window(n: float, total: float, squares: float) -> GaugeWindow:
    """From its three counters: n=2, total=1.2, squares=0.74 is a mean of 0.6 with a standard deviation of 0.1."""
    if n <= 0:
        return GaugeWindow(0.0, None, None)
    mean = total / n
    return GaugeWindow(n, mean, math.sqrt(max(squares / n - mean * mean, 0.0)))


def _rising(counts: Sequence[float]) -> list[float]:
    """Cumulative counts that never fall; scrapes of several targets at slightly different moments can make them."""
    rising: list[float] = []
    for count in counts:
        rising.append(max(count, rising[-1] if rising else 0.0))
    return rising
