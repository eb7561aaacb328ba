"""One GPU under a replica: clocks, power, temperature, memory, and its DCGM exporter families.

A power cap slows the two clocks apart: prefill is bound by arithmetic and follows the SM clock, decode reads every weight
for every token and follows the memory clock. Calibrated on an H100: 75 W idle, 330 W decoding, 640 W prefilling.
DCGM_FI_DEV_POWER_VIOLATION (nanoseconds) is off in the exporter's default list; this fleet's operators switched it on.
"""

from __future__ import annotations

import random
import uuid
from dataclasses import dataclass

from probes.exposition import Page, Series, series

SM_CLOCK_MHZ = 1980.0
IDLE_SM_CLOCK_MHZ = 345.0
MEMORY_CLOCK_MHZ = 2619.0
IDLE_WATTS, DECODE_WATTS, PREFILL_WATTS = 75.0, 330.0, 640.0
RESERVED_MIB = 600.0
MEMORY_RATIO = 0.9  # vLLM's default

GAUGES = (
    "DCGM_FI_DEV_SM_CLOCK",
    "DCGM_FI_DEV_MEM_CLOCK",
    "DCGM_FI_DEV_MEMORY_TEMP",
    "DCGM_FI_DEV_GPU_TEMP",
    "DCGM_FI_DEV_POWER_USAGE",
    "DCGM_FI_DEV_GPU_UTIL",
    "DCGM_FI_DEV_MEM_COPY_UTIL",
    "DCGM_FI_DEV_ENC_UTIL",
    "DCGM_FI_DEV_DEC_UTIL",
    "DCGM_FI_DEV_XID_ERRORS",
    "DCGM_FI_DEV_FB_FREE",
    "DCGM_FI_DEV_FB_USED",
    "DCGM_FI_DEV_FB_RESERVED",
    "DCGM_FI_DEV_ROW_REMAP_FAILURE",
    "DCGM_FI_PROF_GR_ENGINE_ACTIVE",
    "DCGM_FI_PROF_PIPE_TENSOR_ACTIVE",
    "DCGM_FI_PROF_DRAM_ACTIVE",
)
COUNTERS = (
    "DCGM_FI_DEV_TOTAL_ENERGY_CONSUMPTION",
    "DCGM_FI_DEV_POWER_VIOLATION",
    "DCGM_FI_DEV_PCIE_REPLAY_COUNTER",
    "DCGM_FI_DEV_UNCORRECTABLE_REMAPPED_ROWS",
    "DCGM_FI_DEV_CORRECTABLE_REMAPPED_ROWS",
)
TYPES: dict[str, str] = {**dict.fromkeys(GAUGES, "gauge"), **dict.fromkeys(COUNTERS, "counter")}


@dataclass(frozen=True, slots=True)
class PowerCap:
    """Both clocks as shares of their full speed."""

    sm_clock_ratio: float
    memory_clock_ratio: float


class Gpu:
    """Reads the engine's accumulated busy seconds; utilisation is their share since the reading before."""

    def __init__(self, *, host: str, model: str, memory_mib: int, seen_from: float) -> None:
        self.host, self.model, self.memory_mib = host, model, float(memory_mib)
        self.uuid = f"GPU-{uuid.UUID(int=random.Random(f'gpu {host}').getrandbits(128), version=4)}"
        self.cap: PowerCap | None = None
        self.xid = 0  # the latest error; a driver keeps it until it is loaded anew
        self.throttled_seconds = 0.0
        self.energy_joules = 0.0
        self._settled_at = seen_from
        self._read_at = seen_from
        self._busy = self._prefill = 0.0
        self._utilisation = self._prefill_share = 0.0
        labels = {
            "gpu": "0",
            "UUID": self.uuid,
            "pci_bus_id": "00000000:18:00.0",
            "device": "nvidia0",
            "modelName": model,
            "Hostname": host,
            "DCGM_FI_DRIVER_VERSION": "580.105.08",
        }
        self.keys: tuple[Series, ...] = tuple(series(name, **labels) for name in TYPES)

    def set_cap(self, cap: PowerCap | None, *, at: float) -> None:
        self._settle(at)
        self.cap = cap

    def samples(
        self, *, at: float, busy_seconds: float, prefill_seconds: float, up: bool, memory_ratio: float = MEMORY_RATIO
    ) -> Page:
        """`memory_ratio`: what an engine takes of the memory at its start, and keeps."""
        self._measure(at, busy_seconds, prefill_seconds)
        watts = self._watts()
        self._settle(at)
        busy = self._utilisation
        loaded = busy > 0.01
        sm = SM_CLOCK_MHZ if loaded else IDLE_SM_CLOCK_MHZ
        memory = MEMORY_CLOCK_MHZ
        if self.cap is not None:
            sm = min(sm, SM_CLOCK_MHZ * self.cap.sm_clock_ratio)
            memory *= self.cap.memory_clock_ratio
        used = min(round(memory_ratio * self.memory_mib), self.memory_mib - RESERVED_MIB) if up else 4.0
        temperature = round(31.0 + 0.058 * watts)
        values = (
            sm, round(memory), temperature + 6.0, float(temperature), round(watts, 3), float(round(100 * busy)),
            float(round(62 * busy)), 0.0, 0.0, float(self.xid), self.memory_mib - RESERVED_MIB - used, used, RESERVED_MIB, 0.0,
            round(busy, 6), round(busy * (0.08 + 0.6 * self._prefill_share), 6), round(busy * (0.7 - 0.4 * self._prefill_share), 6),
            round(1000.0 * self.energy_joules), round(1e9 * self.throttled_seconds), 0.0, 0.0, 0.0,
        )  # fmt: skip
        return Page(self.keys, values)

    def _measure(self, at: float, busy_seconds: float, prefill_seconds: float) -> None:
        """Two readers a moment apart see the same figure; the window is at least five seconds."""
        elapsed = at - self._read_at
        if elapsed < 5.0:
            return
        busy = max(0.0, busy_seconds - self._busy)
        self._utilisation = min(1.0, busy / elapsed)
        self._prefill_share = min(1.0, max(0.0, prefill_seconds - self._prefill) / busy) if busy else 0.0
        self._read_at, self._busy, self._prefill = at, busy_seconds, prefill_seconds

    def _watts(self) -> float:
        loaded = DECODE_WATTS + (PREFILL_WATTS - DECODE_WATTS) * self._prefill_share
        if self.cap is not None:
            loaded = IDLE_WATTS + (loaded - IDLE_WATTS) * self.cap.sm_clock_ratio
        return IDLE_WATTS + self._utilisation * (loaded - IDLE_WATTS)

    def _settle(self, at: float) -> None:
        """Bring the integrals (energy, throttled time) up to a moment."""
        elapsed = max(0.0, at - self._settled_at)
        self._settled_at = at
        self.energy_joules += elapsed * self._watts()
        if self.cap is not None:
            self.throttled_seconds += elapsed * max(self._utilisation, 0.01)
