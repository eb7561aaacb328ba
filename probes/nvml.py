"""The only pynvml import: this machine's GPUs. What a driver does not support, denies or has lost is a state, never a 0.

Only calls of microseconds run here (utilisation 2.5, memory 12); process lists (4,500) and PCIe throughput (20 ms a direction) do not.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

import pynvml

from probes.gpu import GpuReading, Machine, throttle_reasons


class Nvml(Protocol):
    """What we use of pynvml; a test passes its own."""

    NVMLError: type[Exception]

    def __getattr__(self, name: str) -> Any: ...


class NvmlReader:
    """Opens the driver when first read, and again after it was lost."""

    def __init__(self, nvml: Nvml = pynvml) -> None:
        self._nvml, self._open = nvml, False

    def read(self) -> Machine:
        try:
            if not self._open:
                self._nvml.nvmlInit()
                self._open = True
            count = self._nvml.nvmlDeviceGetCount()
            if count == 0:
                return Machine("no_gpu")
            return Machine("ok", tuple(self._gpu(at) for at in range(count)))
        except self._nvml.NVMLError as problem:
            self._open = False
            return Machine(_state(problem))

    def processes(self) -> dict[str, tuple[int, ...]]:
        """GPU UUID to the processes that compute on it. Milliseconds a GPU: never in the loop. What is denied is left out."""
        found: dict[str, tuple[int, ...]] = {}
        try:
            if not self._open:
                self._nvml.nvmlInit()
                self._open = True
            for at in range(self._nvml.nvmlDeviceGetCount()):
                handle = self._nvml.nvmlDeviceGetHandleByIndex(at)
                running = self._nvml.nvmlDeviceGetComputeRunningProcesses(handle)
                found[_text(self._nvml.nvmlDeviceGetUUID(handle))] = tuple(int(one.pid) for one in running)
        except self._nvml.NVMLError:
            return found
        return found

    def close(self) -> None:
        if self._open:
            self._open = False
            try:
                self._nvml.nvmlShutdown()
            except self._nvml.NVMLError:
                return

    def _gpu(self, at: int) -> GpuReading:
        nvml = self._nvml
        try:
            handle = nvml.nvmlDeviceGetHandleByIndex(at)
            uuid = _text(nvml.nvmlDeviceGetUUID(handle))
        except nvml.NVMLError as problem:
            return GpuReading(uuid=f"index-{at}", values={}, states=(_state(problem),))
        wanted: dict[str, Callable[[], float]] = {
            "utilisation_ratio": lambda: nvml.nvmlDeviceGetUtilizationRates(handle).gpu / 100,
            "memory_bytes": lambda: float(nvml.nvmlDeviceGetMemoryInfo(handle).used),
            "power_watts": lambda: nvml.nvmlDeviceGetPowerUsage(handle) / 1000,
            "clock_hertz": lambda: nvml.nvmlDeviceGetClockInfo(handle, nvml.NVML_CLOCK_SM) * 1e6,
            "temperature_celsius": lambda: float(nvml.nvmlDeviceGetTemperature(handle, nvml.NVML_TEMPERATURE_GPU)),
        }
        values: dict[str, float] = {}
        missing: list[str] = []
        for name, read in wanted.items():
            try:
                values[name] = read()
            except nvml.NVMLError as problem:
                if (state := _state(problem)) == "lost":
                    return GpuReading(uuid=uuid, values={}, states=("lost",))
                missing.append(f"{name}_{state}")
        try:
            throttled = throttle_reasons(nvml.nvmlDeviceGetCurrentClocksEventReasons(handle))
        except nvml.NVMLError as problem:
            throttled = ()
            missing.append(f"throttle_{_state(problem)}")
        return GpuReading(uuid=uuid, values=values, throttled=throttled, states=("ok", *missing))


_STATES = {
    "NVML_ERROR_NOT_SUPPORTED": "not_supported",
    "NVML_ERROR_NO_PERMISSION": "denied",
    "NVML_ERROR_GPU_IS_LOST": "lost",
    "NVML_ERROR_GPU_NOT_FOUND": "lost",
    "NVML_ERROR_LIBRARY_NOT_FOUND": "no_driver",
    "NVML_ERROR_DRIVER_NOT_LOADED": "no_driver",
    "NVML_ERROR_LIB_RM_VERSION_MISMATCH": "driver_mismatch",
    "NVML_ERROR_FUNCTION_NOT_FOUND": "not_supported",
}


def _state(problem: Exception) -> str:
    """The state that an NVML error code means; "error_<code>" for one that we have no word for."""
    code = getattr(problem, "value", None)
    for name, state in _STATES.items():
        if getattr(pynvml, name) == code:
            return state
    return f"error_{code}"


def _text(value: str | bytes) -> str:
    return value.decode("ascii", "replace") if isinstance(value, bytes) else value
