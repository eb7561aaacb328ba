"""Histograms as a simulated engine or gateway keeps them."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence


def token_bounds(max_model_len: int) -> tuple[float, ...]:
    """1-2-5 series up to the longest context: 2,048 gives 1, 2, 5 ... 1000."""
    bounds: list[float] = []
    decade = 1
    while True:
        for step in (1, 2, 5):
            if step * decade > max_model_len:
                return tuple(bounds)
            bounds.append(float(step * decade))
        decade *= 10


class Histogram:
    """Counts per bucket, not cumulative; `add` takes many values at once and only bisects the bounds between them."""

    __slots__ = ("bounds", "counts", "total")

    def __init__(self, bounds: Sequence[float]) -> None:
        self.bounds = bounds
        self.counts = [0] * (len(bounds) + 1)
        self.total = 0.0

    def add(self, values: list[float]) -> None:
        self.total += sum(values)
        counts, bounds = self.counts, self.bounds
        for value in values:
            counts[bisect_left(bounds, value)] += 1
