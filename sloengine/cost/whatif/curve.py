"""Average latency at a load per replica. Pure.

Points are what was measured: hours with their tokens a second per replica and the mean latency of their requests. They are put in bins
of equal number, and made to rise (pool adjacent violators), since a busier replica is never quicker. Between bins a straight line;
below the least load it stays at the least latency, beyond the greatest nothing is said: no data is None.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

BINS = 8
LEAST_POINTS = 12
MEASURED, STATED, ENTERED = "measured", "stated", "entered"


@dataclass(frozen=True, slots=True)
class Curve:
    """Loads (tokens a second per replica) rising, with milliseconds that do not fall. `origin` says where they come from."""

    points: tuple[tuple[float, float], ...]
    origin: str = MEASURED

    def at(self, load: float) -> float | None:
        """120 ms at a load of 6 and 85 at 4: 102.5 at 5, 85 at 1, nothing at 7."""
        if not self.points or load > self.points[-1][0] * (1 + 1e-9):
            return None
        first = self.points[0]
        if load <= first[0]:
            return first[1]
        for (left, low), (right, high) in pairwise(self.points):
            if load <= right * (1 + 1e-9):
                return low + (high - low) * min((load - left) / (right - left), 1.0)
        return None

    def load_within(self, latency_ms: float) -> float | None:
        """The greatest load at which the latency is still at most so long; None where no load is low enough."""
        found = None
        for (left, low), (right, high) in pairwise(self.points):
            if low <= latency_ms:
                found = left if high <= low else left + (right - left) * min((latency_ms - low) / (high - low), 1.0)
        if self.points and self.points[-1][1] <= latency_ms:
            found = self.points[-1][0]
        return found


def measured(points: Sequence[tuple[float, float]]) -> Curve | None:
    """From hours as (load, milliseconds); None where fewer than a dozen were seen, or they all had one load."""
    known = sorted((load, latency) for load, latency in points if load > 0 and latency > 0)
    if len(known) < LEAST_POINTS:
        return None
    bins = min(BINS, len(known) // 3)
    means: list[tuple[float, float]] = []
    for number in range(bins):
        part = known[number * len(known) // bins : (number + 1) * len(known) // bins]
        means.append((sum(one[0] for one in part) / len(part), sum(one[1] for one in part) / len(part)))
    distinct = [
        means[0],
        *(after for before, after in pairwise(means) if after[0] > before[0] * 1.001),
    ]
    return Curve(tuple(_rising(distinct))) if len(distinct) > 1 else None


def _rising(points: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """Pool adjacent violators: 1, 3, 2 becomes 1, 2.5, 2.5."""
    pools: list[tuple[float, int]] = []
    for _, latency in points:
        pools.append((latency, 1))
        while len(pools) > 1 and pools[-2][0] > pools[-1][0]:
            (late, many), (before, more) = pools.pop(), pools.pop()
            pools.append(((late * many + before * more) / (many + more), many + more))
    levels = [level for level, count in pools for _ in range(count)]
    return [(load, level) for (load, _), level in zip(points, levels, strict=True)]


#: Where nothing was measured: one replica of the simulated fleet (`probes.simfleet`, its chat service at 1 to 60 requests a second over
#: four replicas, ten minutes each). It stands for the shape alone: latencies are taken in proportion to the one that is known.
SIMULATED = Curve(
    (
        (150.0, 3812.0), (1095.0, 3951.0), (2215.0, 4046.0), (3339.0, 4177.0), (4973.0, 4332.0), (6070.0, 4439.0),
        (7160.0, 4582.0), (8322.0, 6696.0),
    ),
    STATED,
)  # fmt: skip
