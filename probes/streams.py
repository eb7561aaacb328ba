"""Histograms that many senders push, added up into counters that never run backwards. Pure.

A sender's cumulative point is turned into what it added since its last one; a delta point is that already. So a sender that
restarts, or goes, takes nothing with it. The first point of a stream counts whole where the stream began after we did; of an older
one only what comes after it.
"""

from __future__ import annotations

from collections import Counter, OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate

from probes.exposition import Labels, Samples, Series, bound

#: Streams of all senders that are remembered; one more is left out until another has been idle for an hour.
LIMIT, IDLE_SECONDS = 20_000, 3_600.0


@dataclass(frozen=True, slots=True)
class Point:
    name: str  # as Prometheus writes it, with the unit
    labels: Labels  # those that are kept
    sender: str  # whatever tells streams apart: resource and all attributes
    bounds: tuple[float, ...]
    counts: tuple[float, ...]  # one more than bounds, not cumulative
    total: float
    start: float  # unix seconds; 0 where the sender does not say
    delta: bool = False


class Streams:
    def __init__(self, *, started: float) -> None:
        self._started = started
        self._last: OrderedDict[tuple[str, str], tuple[float, Point]] = OrderedDict()
        self._bounds: dict[str, tuple[float, ...]] = {}
        self._totals: dict[tuple[str, Labels], list[float]] = {}  # counts by bucket, then the sum
        self.dropped: Counter[str] = Counter()

    def add(self, point: Point, *, now: float) -> None:
        if (
            self._bounds.setdefault(point.name, point.bounds) != point.bounds
            or len(point.counts) != len(point.bounds) + 1
        ):
            self.dropped["other_bounds"] += 1
            return
        added = self._added(point, now=now)
        if added is None:
            return
        if (point.name, point.labels) not in self._totals and len(self._totals) >= LIMIT:
            self.dropped["past_limit"] += 1
            return
        totals = self._totals.setdefault((point.name, point.labels), [0.0] * (len(point.counts) + 1))
        for at, value in enumerate(added):
            totals[at] += value

    def _added(self, point: Point, *, now: float) -> Sequence[float] | None:
        now_values = (*point.counts, point.total)
        if not all(0 <= value < 1e300 for value in now_values):
            self.dropped["not_a_number"] += 1
            return None
        if point.delta:
            return now_values
        key = (point.name, point.sender)
        before = self._last.get(key)
        if before is None and not self._room(now):
            self.dropped["past_limit"] += 1
            return None
        self._last[key] = (now, point)
        self._last.move_to_end(key)
        if before is None:
            return now_values if point.start >= self._started else [0.0] * len(now_values)
        older = (*before[1].counts, before[1].total)
        restarted = point.start > before[1].start or any(
            new < old for new, old in zip(point.counts, older, strict=False)
        )
        return now_values if restarted else [max(0.0, new - old) for new, old in zip(now_values, older, strict=True)]

    def _room(self, now: float) -> bool:
        while self._last and next(iter(self._last.values()))[0] < now - IDLE_SECONDS:
            self._last.popitem(last=False)
        return len(self._last) < LIMIT

    def samples(self) -> Samples:
        out: Samples = {}
        for (name, labels), totals in self._totals.items():
            bounds = (*self._bounds[name], float("inf"))
            for upper, count in zip(bounds, accumulate(totals[:-1]), strict=True):
                out[Series(f"{name}_bucket", tuple(sorted((*labels, ("le", bound(upper))))))] = count
            out[Series(f"{name}_sum", labels)] = totals[-1]
            out[Series(f"{name}_count", labels)] = sum(totals[:-1])
        return out
