"""How unevenly GPUs work (R1): the spread of one over five minutes, and the imbalance of a tensor-parallel group. Pure.

Both in percentage points and only of moments when requests ran. Points, not a coefficient of variation: an idle GPU at 6 +- 6 %
would alarm. Both are evidence, or open something of low severity; they page nobody.

Spread: the population standard deviation of one-second means. 90, 60, 90, 60, 90 and 60 % have the mean 75, each is 15 away: 15 points.
Imbalance: largest less smallest mean over the GPUs of one replica. Ranks at 71, 70, 72 and 40 % of SM activity: 32 points.
Utilisation is the share of time with a kernel resident: ranks that spin while they wait for one another all read 100 %. So the
imbalance is taken of SM activity where the GPUs give it, else of tensor activity, else of utilisation, and its label says which.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Mapping, Sequence

from probes.exposition import Labels, Samples, Series
from probes.signals import PREFIX

WINDOW_SECONDS = 300.0
READINGS = 300  # kept for each GPU and measure: one a second
SAMPLES = 5  # fewer say nothing about a spread
GPUS = 4096  # followed; what a page shows beyond them has no spread
UNJOINED = "unjoined"
#: What is followed, and under which name it is shown; an imbalance takes the first that all GPUs of the group have.
MEASURES: Mapping[str, str] = {
    f"{PREFIX}gpu_sm_activity_ratio": "sm_activity",
    f"{PREFIX}gpu_tensor_activity_ratio": "tensor_activity",
    f"{PREFIX}gpu_utilisation_ratio": "utilisation",
}
#: Prefill keeps the tensor cores at 60 %, decode at 5: their spread is the traffic's, not the GPU's.
OF_TRAFFIC = "tensor_activity"


class Moments:
    """Count, sum and sum of squares of what was read in the last five minutes."""

    __slots__ = ("_parts",)

    def __init__(self) -> None:
        self._parts: deque[tuple[float, int, float, float]] = deque(maxlen=READINGS)

    def add(self, *, now: float, values: Sequence[float]) -> None:
        if values:
            self._parts.append((now, len(values), math.fsum(values), math.fsum(value * value for value in values)))

    def of_window(self, now: float) -> tuple[int, float, float]:
        """How many, their mean, and their population standard deviation; nothing older than five minutes."""
        parts = self._parts
        while parts and (parts[0][0] <= now - WINDOW_SECONDS or parts[0][0] > now):
            parts.popleft()
        count = sum(part[1] for part in parts)
        if not count:
            return 0, 0.0, 0.0
        mean = math.fsum(part[2] for part in parts) / count
        return count, mean, math.sqrt(max(0.0, math.fsum(part[3] for part in parts) / count - mean * mean))


class SpreadWindow:
    """All GPUs that one probe reads; keyed by their labels and the measure."""

    def __init__(self) -> None:
        self._seen: dict[tuple[str, Labels], Moments] = {}

    def add(self, *, now: float, labels: Labels, measure: str, values: Sequence[float], requests_run: bool) -> None:
        if not requests_run:
            return
        if (seen := self._seen.get((measure, labels))) is None:
            if len(self._seen) >= GPUS * len(MEASURES):
                return
            seen = self._seen[measure, labels] = Moments()
        seen.add(now=now, values=values)

    def samples(self, *, now: float) -> Samples:
        out: Samples = {}
        means: dict[Labels, dict[str, dict[str, float]]] = {}  # by replica, measure and GPU
        for (measure, labels), seen in list(self._seen.items()):
            count, mean, deviation = seen.of_window(now)
            if not count:
                del self._seen[measure, labels]
            if count < SAMPLES:
                continue
            if measure != OF_TRAFFIC:
                out[_series("gpu_utilisation_spread_points", labels, measure)] = 100.0 * deviation
            own = dict(labels)
            gpu = own.pop("gpu", "")
            if own.get("replica") != UNJOINED:
                means.setdefault(tuple(own.items()), {}).setdefault(measure, {})[gpu] = mean
        for replica, by_measure in means.items():
            group = max((len(one) for one in by_measure.values()), default=0)
            for measure in MEASURES.values():
                if group > 1 and len(found := by_measure.get(measure, {})) == group:
                    points = 100.0 * (max(found.values()) - min(found.values()))
                    out[_series("gpu_imbalance_points", replica, measure)] = points
                    break
        return out


def _series(name: str, labels: Labels, measure: str) -> Series:
    return Series(PREFIX + name, tuple(sorted((*labels, ("reason", measure)))))
