"""The p95 of latency per token over the last five minutes, from bucket increments. Pure.

A service's p95 is the quantile of increments summed over its replicas; replicas' p95s are never averaged.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Collection, Mapping, Sequence

from probes.exposition import Series
from probes.signals import PREFIX

SLOW_TOKEN_SECONDS = 0.130  # REQUIREMENTS R1
WINDOW_SECONDS = 300.0
#: The engine's own per-request figure; where it has none, the gaps between tokens.
FAMILIES = (f"{PREFIX}per_token_seconds_bucket", f"{PREFIX}inter_token_seconds_bucket")

_Buckets = dict[float, float]


class RecentLatency:
    def __init__(self) -> None:
        self._last: dict[tuple[str, str], _Buckets] = {}
        self._increments: dict[str, deque[tuple[float, _Buckets]]] = {}
        self._sums: dict[str, _Buckets] = {}  # of the increments in the window; a sum of whole requests is exact

    def add(self, *, now: float, service: str, replica: str, buckets: Mapping[float, float]) -> None:
        """`buckets`: upper bound to cumulative count, of one replica's `family`."""
        if not all(map(math.isfinite, buckets.values())):
            return  # it would stay in the sums
        before = self._last.get((service, replica))
        self._last[service, replica] = dict(buckets)
        if before is None or before.keys() != buckets.keys():
            return
        if any(buckets[upper] < before[upper] for upper in buckets):
            before = dict.fromkeys(buckets, 0.0)  # restarted: all it has is new
        grown = {upper: buckets[upper] - before[upper] for upper in buckets}
        if grown.get(math.inf):
            self._increments.setdefault(service, deque()).append((now, grown))
            sums = self._sums.setdefault(service, dict.fromkeys(grown, 0.0))
            for upper in sums.keys() & grown.keys():
                sums[upper] += grown[upper]
            for upper in sums.keys() - grown.keys():
                del sums[upper]  # only bounds that all replicas share are answered

    def keep(self, replicas: Collection[tuple[str, str]]) -> None:
        """Forgets all but these (service, replica)."""
        self._last = {key: buckets for key, buckets in self._last.items() if key in replicas}

    def p95(self, service: str, *, now: float) -> float | None:
        """None where no request ended within the window."""
        seen, sums = self._increments.get(service, deque()), self._sums.get(service, {})
        while seen and seen[0][0] <= now - WINDOW_SECONDS:
            _, old = seen.popleft()
            for upper in sums:
                sums[upper] -= old[upper]
        if not seen:
            self._sums.pop(service, None)  # the next request may bring other bounds
            return None
        return quantile(sums, 0.95)


def quantile(cumulative: Mapping[float, float], q: float) -> float | None:
    """Linear within its bucket: {0.1: 90, 0.2: 100, inf: 100} at 0.95 is 0.15. The last finite bound where it lies beyond."""
    bounds = sorted(cumulative)
    if not bounds or cumulative[bounds[-1]] <= 0:
        return None
    rank = q * cumulative[bounds[-1]]
    low, below = 0.0, 0.0
    for upper in bounds:
        count = cumulative[upper]
        if count >= rank:
            if math.isinf(upper) or count == below:
                return low
            return low + (upper - low) * (rank - below) / (count - below)
        low, below = upper, count
    return low


def buckets(
    samples: Mapping[Series, float], made: Mapping[str, Sequence[Series]], *, families: Sequence[str] = FAMILIES
) -> dict[float, float]:
    """Those of the first family that the page has; empty where it has none. `made`: its series by name."""
    found: dict[float, float] = {}
    for one in next((made[family] for family in families if family in made), ()):
        upper = float(one.label("le") or "inf")
        found[upper] = found.get(upper, 0.0) + samples[one]
    return found
