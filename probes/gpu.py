"""What a GPU reading means: canonical series with a state for what is missing. Pure.

A value that the driver does not support, denies or has lost is absent and named by gpu_state; it is never 0.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from probes.exposition import Labels, Samples, Series
from probes.signals import PREFIX
from probes.spread import UNJOINED

#: Signals that this machine's own driver gives.
BY_NVML = (
    "gpu_utilisation_ratio", "gpu_sm_activity_ratio", "gpu_tensor_activity_ratio", "gpu_dram_activity_ratio",
    "gpu_memory_bytes", "gpu_memory_total_bytes", "gpu_power_watts", "gpu_power_peak_watts", "gpu_power_limit_watts",
    "gpu_energy_joules_total", "gpu_clock_hertz", "gpu_memory_clock_hertz", "gpu_temperature_celsius",
    "gpu_memory_temperature_celsius", "gpu_throttled_seconds_total", "gpu_ecc_errors_total", "gpu_row_remaps_total",
    "gpu_row_remap_pending", "gpu_row_remap_failed", "gpu_pcie_replays_total", "gpu_nvlink_bytes_total",
    "gpu_nvlink_errors_total", "gpu_xid_total", "gpu_xid_by_severity_total", "gpu_processes", "gpu_state",
)  # fmt: skip

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
    """One GPU, MIG instance ("GPU-.../1") or vGPU at one moment.

    `states` names each value that is missing and why: "power_watts_not_supported". `counters` are the driver's own totals by
    signal and reason ("" where a signal has none). `utilisation` are means of one second since the reading before, oldest first.
    """

    uuid: str
    values: Mapping[str, float]
    throttled: tuple[str, ...] = ()  # reasons in force now that no counter measures
    states: tuple[str, ...] = ("ok",)
    counters: Mapping[tuple[str, str], float] = field(default_factory=dict)
    utilisation: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class Machine:
    """All GPUs of this machine; `state` says why there are none: no_driver, no_gpu, denied.

    `xids`: the events since the reading before, as UUID and code, oldest first. `facts`: driver, CUDA, and by UUID the GPU's model.
    """

    state: str
    gpus: tuple[GpuReading, ...] = ()
    xids: tuple[tuple[str, int], ...] = ()
    facts: Mapping[str, str] = field(default_factory=dict)


class Reader(Protocol):
    def read(self) -> Machine: ...


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
        for (name, reason), value in reading.counters.items():
            out[Series(f"{PREFIX}gpu_{name}", with_reason(labels, reason) if reason else labels)] = value
    return out


def gpu_labels(uuid: str, *, service: str, region: str, replicas: Mapping[str, str]) -> Labels:
    """An instance that no target names runs what its board runs."""
    replica = replicas.get(uuid) or replicas.get(uuid.partition("/")[0], UNJOINED)
    return (("gpu", uuid), ("region", region), ("replica", replica), ("service", service))


def with_reason(labels: Labels, reason: str) -> Labels:
    return tuple(sorted((*labels, ("reason", reason))))


def throttle_reasons(bits: int) -> tuple[str, ...]:
    """0x24 is power_cap and software_thermal."""
    return tuple(name for bit, name in THROTTLE_BITS.items() if bits & bit)


class Reading:
    """A reading that is being made."""

    def __init__(self, uuid: str) -> None:
        self.uuid = uuid
        self.values: dict[str, float] = {}
        self.counters: dict[tuple[str, str], float] = {}
        self.states = ["ok"]
        self.throttled: tuple[str, ...] = ()
        self.utilisation: tuple[float, ...] = ()
        self.lost = False

    def missing(self, name: str, state: str) -> None:
        self.lost |= state == "lost"
        self.states.append(f"{name}_{state}")

    def done(self) -> GpuReading:
        counted = {reason for name, reason in self.counters if name == "throttled_seconds_total"}
        return GpuReading(
            self.uuid,
            self.values,
            tuple(reason for reason in self.throttled if reason not in counted),
            tuple(self.states),
            self.counters,
            self.utilisation,
        )


def nothing(uuid: str, state: str) -> GpuReading:
    return GpuReading(uuid, {}, states=(state,))


class Seconds:
    """Means of whole seconds out of samples that come in any number a second; an unfinished second waits for its rest.

    At six samples a second, 0, 0, 0, 1, 1, 1 become 0.5. So a spread does not depend on how fast a product samples, which is
    between six times a second and once (nvmlUtilization_t).
    """

    __slots__ = ("_count", "_second", "_total")

    def __init__(self) -> None:
        self._second, self._count, self._total = -1, 0, 0.0

    def add(self, samples: Sequence[tuple[float, float]]) -> tuple[float, ...]:
        """`samples`: unix seconds and value, oldest first. The means of the seconds that ended."""
        ended: list[float] = []
        for at, value in samples:
            if int(at) != self._second:
                if self._count:
                    ended.append(self._total / self._count)
                self._second, self._count, self._total = int(at), 0, 0.0
            self._count += 1
            self._total += value
        return tuple(ended)
