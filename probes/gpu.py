"""What a GPU reading means: canonical series with a state for what is missing, and the utilisation spread. Pure.

A value that the driver does not support, denies or has lost is absent and named by gpu_state; it is never 0.
"""

from __future__ import annotations

import statistics
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass

from probes.exposition import Labels, Samples, Series
from probes.signals import PREFIX

SPREAD_WINDOW_SECONDS = 300.0
#: Signals that this machine's own driver gives.
BY_NVML = (
    "gpu_utilisation_ratio",
    "gpu_memory_bytes",
    "gpu_power_watts",
    "gpu_clock_hertz",
    "gpu_temperature_celsius",
    "gpu_throttled_seconds_total",
    "gpu_state",
)
SPREAD_LIMIT = 300  # one a second; more are not kept
SPREAD_SAMPLES = 5  # fewer say nothing about a spread

#: NVML's clock event reasons that hold clocks down; idle (1) and a chosen application clock (2) do not.
THROTTLE_BITS: Mapping[int, str] = {
    0x4: "power_cap",
    0x8: "hardware_slowdown",
    0x10: "sync_boost",
    0x20: "software_thermal",
    0x40: "hardware_thermal",
    0x80: "power_brake",
}


@dataclass(frozen=True, slots=True)
class GpuReading:
    """One GPU at one moment. `states` names each value that is missing and why: "power_watts_not_supported"."""

    uuid: str
    values: Mapping[str, float]  # utilisation_ratio memory_bytes power_watts clock_hertz temperature_celsius
    throttled: tuple[str, ...] = ()  # reasons in force now
    states: tuple[str, ...] = ("ok",)


@dataclass(frozen=True, slots=True)
class Machine:
    """All GPUs of this machine; `state` says why there are none: no_driver, no_gpu, denied."""

    state: str
    gpus: tuple[GpuReading, ...] = ()


def canonical(machine: Machine, *, service: str, region: str, replicas: Mapping[str, str]) -> Samples:
    """`replicas`: UUID to the replica that runs on it; a GPU of none has the replica "unjoined"."""
    if not machine.gpus:
        none = gpu_labels("none", service=service, region=region, replicas={})
        return {Series(f"{PREFIX}gpu_state", (*none, ("state", machine.state))): 1.0}
    out: Samples = {}
    for reading in machine.gpus:
        labels = gpu_labels(reading.uuid, service=service, region=region, replicas=replicas)
        for state in reading.states:
            out[Series(f"{PREFIX}gpu_state", tuple(sorted((*labels, ("state", state)))))] = 1.0
        for name, value in reading.values.items():
            out[Series(f"{PREFIX}gpu_{name}", labels)] = value
    return out


def gpu_labels(uuid: str, *, service: str, region: str, replicas: Mapping[str, str]) -> Labels:
    return (("gpu", uuid), ("region", region), ("replica", replicas.get(uuid, "unjoined")), ("service", service))


def throttle_reasons(bits: int) -> tuple[str, ...]:
    """0x24 is power_cap and software_thermal."""
    return tuple(name for bit, name in THROTTLE_BITS.items() if bits & bit)


def spread_points(utilisation: list[float]) -> float | None:
    """Population standard deviation in percentage points: of 0.90, 0.60, 0.90, 0.60, 0.90 and 0.60 it is 15.

    Points, not a coefficient of variation: an idle GPU at 6 +- 6 % would alarm. None for fewer than five samples.
    """
    return 100.0 * statistics.pstdev(utilisation) if len(utilisation) >= SPREAD_SAMPLES else None


class SpreadWindow:
    """Utilisation of each GPU over the last five minutes, of moments when requests ran."""

    def __init__(self) -> None:
        self._seen: dict[Labels, deque[tuple[float, float]]] = {}

    def add(self, *, now: float, labels: Labels, utilisation: float, requests_run: bool) -> None:
        if requests_run:
            self._seen.setdefault(labels, deque(maxlen=SPREAD_LIMIT)).append((now, utilisation))

    def samples(self, *, now: float) -> Samples:
        out: Samples = {}
        for labels, seen in list(self._seen.items()):
            while seen and seen[0][0] <= now - SPREAD_WINDOW_SECONDS:
                seen.popleft()
            if not seen:
                del self._seen[labels]
            elif (spread := spread_points([value for _, value in seen])) is not None:
                out[Series(f"{PREFIX}gpu_utilisation_spread_points", labels)] = spread
        return out
