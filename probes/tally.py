"""Counters and histograms of the probe itself, kept as the flat samples that it exports. Pure."""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Mapping, Sequence
from functools import cache
from itertools import accumulate

from probes.exposition import Labels, Samples, Series, bound
from probes.signals import PREFIX

#: Fine around the objectives: 100 and 130 ms per token, 250 and 300 ms to the first token or end to end.
LATENCY_BOUNDS = (
    0.005,
    0.01,
    0.025,
    0.05,
    0.075,
    0.1,
    0.13,
    0.15,
    0.2,
    0.25,
    0.3,
    0.4,
    0.5,
    0.75,
    1.0,
    1.5,
    2.0,
    2.5,
    5.0,
    10.0,
    20.0,
    60.0,
)
TOKEN_BOUNDS = (
    0.005,
    0.01,
    0.015,
    0.02,
    0.025,
    0.03,
    0.04,
    0.05,
    0.06,
    0.08,
    0.1,
    0.13,
    0.16,
    0.2,
    0.25,
    0.3,
    0.5,
    1.0,
    2.5,
)
BOUNDS: Mapping[str, tuple[float, ...]] = {
    "canary_ttft_seconds": LATENCY_BOUNDS,
    "canary_e2e_seconds": LATENCY_BOUNDS,
    "canary_inter_token_seconds": TOKEN_BOUNDS,
    "canary_per_token_seconds": TOKEN_BOUNDS,
    "canary_phase_seconds": LATENCY_BOUNDS,
    "client_ttft_seconds": LATENCY_BOUNDS,
    "client_e2e_seconds": LATENCY_BOUNDS,
    "client_per_token_seconds": TOKEN_BOUNDS,
    "retrieval_seconds": LATENCY_BOUNDS,
    "reranking_seconds": LATENCY_BOUNDS,
}


class Tally:
    """Everything ever counted here; a name is one of probes.signals, without its prefix."""

    def __init__(self) -> None:
        self._values: Samples = {}
        self._histograms: dict[tuple[str, Labels], _Histogram] = {}
        self._shown: Samples = {}  # of histograms
        self._moved: dict[_Histogram, None] = {}  # since they were shown

    def set(self, name: str, labels: Labels, value: float) -> None:
        self._values[Series(_family(name), labels)] = value

    def add(self, name: str, labels: Labels, amount: float = 1.0) -> None:
        one = Series(_family(name), labels)
        self._values[one] = self._values.get(one, 0.0) + amount

    def drop(self, name: str, labels: Labels) -> None:
        """For what nothing measures any more."""
        self._values.pop(Series(_family(name), labels), None)

    def forget(self, labels: Labels) -> None:
        """Everything that carries all of these labels."""
        wanted = set(labels)
        for shown in (self._values, self._shown):
            for one in [one for one in shown if wanted <= set(one.labels)]:
                del shown[one]
        for key in [key for key in self._histograms if wanted <= set(key[1])]:
            self._moved.pop(self._histograms.pop(key), None)

    def observe(self, name: str, labels: Labels, values: Sequence[float]) -> None:
        """Values into a histogram; all its buckets exist from the first value on."""
        if (found := self._histograms.get((name, labels))) is None:
            found = self._histograms[name, labels] = _Histogram(name, labels)
        for value in values:
            found.counts[bisect_left(found.bounds, value)] += 1
            found.total += value
        self._moved[found] = None

    def samples(self) -> Samples:
        for histogram in self._moved:
            cumulative = [float(count) for count in accumulate(histogram.counts)]
            self._shown.update(zip(histogram.series, (*cumulative, histogram.total, cumulative[-1]), strict=True))
        self._moved.clear()
        return {**self._values, **self._shown}


@cache
def _family(name: str) -> str:
    return PREFIX + name


class _Histogram:
    __slots__ = ("bounds", "counts", "series", "total")

    def __init__(self, name: str, labels: Labels) -> None:
        self.bounds = BOUNDS[name]
        self.counts = [0] * (len(self.bounds) + 1)
        self.total = 0.0
        family = PREFIX + name
        self.series = (
            *(
                Series(f"{family}_bucket", tuple(sorted((*labels, ("le", bound(upper))))))
                for upper in (*self.bounds, math.inf)
            ),
            Series(f"{family}_sum", labels),
            Series(f"{family}_count", labels),
        )
