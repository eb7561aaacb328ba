"""Which fault hits whom, how it begins, at what hour and on which traffic: a Latin hypercube a fault. Pure."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, TypeVar

from probes.simfleet.config import FleetConfig
from probes.simfleet.faults import FAULTS, Fault
from probes.simfleet.prompts import SLICES

T = TypeVar("T")
#: Hours of a Tuesday, UTC: the way up, the peak, the way down, the night. Traffic as generated, or replayed from traces.
HOURS = (9, 14, 20, 2)
TRAFFIC = ("generator", "trace")
#: One fault of each kind; --full plays all.
USUAL = (
    *("traffic-spike", "long-prompt-flood", "slow-tail", "decode-slowdown", "one-slow-replica", "kv-cache-exhaustion"),
    *(
        "prefix-cache-collapse",
        "streaming-stalls",
        "stall",
        "cold-start",
        "replica-outage",
        "region-outage",
        "gpu-fault",
    ),
    *("errors-after-quantisation", "out-of-memory", "retry-storm", "quality-regression", "slice-regression"),
    *("retrieval-regression", "schema-break", "failed-rollout", "config-drift", "runaway-tenant", "kpi-falls"),
)


@dataclass(frozen=True, slots=True)
class Draw:
    fault: str
    number: int  # even ones may be looked at while tuning, odd ones never
    target: str
    onset: str
    hour: int
    traffic: str
    seed: int

    @property
    def key(self) -> str:
        return f"{self.fault}/{self.number}"

    @property
    def template(self) -> str:
        return f"diagnosis_{self.hour:02}_{self.traffic}"

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


def draws(name: str, *, count: int, config: FleetConfig) -> list[Draw]:
    """`count` draws of a fault: every dimension is cut into as many strata and each stratum is drawn once."""
    fault = FAULTS[name]
    rng = random.Random(f"draws of {name}, {count}")
    targets = _strata(_targets(fault, config), count, rng)
    onsets = _strata(fault.onsets, count, rng)
    hours, traffic = _strata(HOURS, count, rng), _strata(TRAFFIC, count, rng)
    seeds = rng.sample(range(1, 100_000), count)
    return [Draw(name, at, targets[at], onsets[at], hours[at], traffic[at], seeds[at]) for at in range(count)]


def _strata(values: Sequence[T], count: int, rng: random.Random) -> list[T]:
    """The value in the middle of each of `count` equal parts of the list, in a random order: of two values and four parts each twice."""
    return [values[int((place + 0.5) / count * len(values))] for place in rng.sample(range(count), count)]


def _targets(fault: Fault, config: FleetConfig) -> list[str]:
    service = config.service(fault.service)
    found: list[str] = []
    for kind in fault.targets:
        if kind == "region":
            found += [f"region:{name}" for name in dict.fromkeys(map(service.region_of, range(service.replicas)))]
        elif kind == "replica":
            found += [f"replica:{at}" for at in range(service.replicas)]
        elif kind == "slice":
            found += [f"slice:{name}" for name in SLICES if name != "tool-call"]
        else:
            found.append(kind)
    return found
