"""GPUs without a GPU: a driver that answers as pynvml does, with its ctypes structures, its error codes and its ring buffers.

A board does what it is told (`board.busy`, `board.tensor`, `driver.refuse(...)`, `driver.xid(...)`, `board.lost`), so that a
machine without a GPU exercises every line that reads one. Time comes from `clock`, in unix seconds.
"""

from __future__ import annotations

import ctypes
import itertools
import queue
from collections.abc import Callable
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

from probes.nvml import pynvml

SAMPLES_A_SECOND = 6
KEPT_SAMPLES = 100
MEBIBYTE = 1048576


@dataclass
class Board:
    uuid: str
    name: str = "NVIDIA H100 80GB HBM3"
    busy: float = 0.6
    sm: float = 0.4
    tensor: float = 0.2
    dram: float = 0.5
    watts: float = 512.25
    peak_watts: float = 640.0
    memory_bytes: int = 64 * 1024 * MEBIBYTE
    memory_total_bytes: int = 80 * 1024 * MEBIBYTE
    clock_mhz: int = 1980
    memory_clock_mhz: int = 2619
    celsius: int = 61
    throttle_bits: int = 0
    fields: dict[str, int] = field(default_factory=dict)  # pynvml's name of a field to its value; others as DEFAULTS
    instances: dict[int, tuple[int, float]] = field(default_factory=dict)  # MIG: instance to bytes used and SM activity
    instance_bytes: int = 10 * 1024 * MEBIBYTE  # memory of one instance
    vgpus: dict[str, tuple[int, int]] = field(
        default_factory=dict
    )  # of a host: virtual GPU's UUID to bytes used and had
    hopper: bool = True  # has GPM
    history: bool = True  # has ring buffers of utilisation and power
    virtualisation: int = pynvml.NVML_GPU_VIRTUALIZATION_MODE_NONE
    processes: tuple[int, ...] = (4711,)
    lost: bool = False


DEFAULTS = {
    "NVML_FI_DEV_MEMORY_TEMP": 70,
    "NVML_FI_DEV_POWER_CURRENT_LIMIT": 700_000,
    "NVML_FI_DEV_TOTAL_ENERGY_CONSUMPTION": 9_000_000,
}
_NAMES = {getattr(pynvml, name): name for name in dir(pynvml) if name.startswith("NVML_FI_DEV_")}


class SimulatedDriver:
    """Stands where pynvml stands. What it does not know it takes from pynvml: constants and structures."""

    def __init__(self, *boards: Board, clock: Callable[[], float], init_error: str | None = None) -> None:
        self.boards, self._clock, self.init_error = list(boards), clock, init_error
        self.opened = self.closed = 0
        self.calls: list[str] = []
        self._refusals: dict[tuple[str, str], str] = {}
        self._pending: queue.Queue[tuple[str, int]] = queue.Queue()
        self._addresses = itertools.count(0x10000)
        self._samples: dict[int, tuple[Board, int | None]] = {}

    def __getattr__(self, name: str) -> Any:
        return getattr(pynvml, name)

    # What a test or a simulated fleet tells it.

    def refuse(self, call: str, error: str, *, uuid: str = "") -> None:
        """`driver.refuse("nvmlDeviceGetPowerUsage", "NVML_ERROR_NO_PERMISSION")`; `uuid`: only there."""
        self._refusals[call, uuid] = error

    def xid(self, uuid: str, code: int) -> None:
        self._pending.put((uuid, code))

    # The library.

    def nvmlInit(self) -> None:  # noqa: N802  as pynvml names it
        self.opened += 1
        if self.init_error is not None:
            raise _error(self.init_error)

    def nvmlShutdown(self) -> None:  # noqa: N802
        self.closed += 1

    def nvmlSystemGetDriverVersion(self) -> str:  # noqa: N802
        return "580.105.08"

    def nvmlSystemGetCudaDriverVersion_v2(self) -> int:  # noqa: N802
        return 13000

    def nvmlDeviceGetCount(self) -> int:  # noqa: N802
        self._asked("nvmlDeviceGetCount", None)
        return len(self.boards)

    def nvmlDeviceGetHandleByIndex(self, at: int) -> Any:  # noqa: N802
        return _handle(at + 1)

    def nvmlDeviceGetUUID(self, handle: Any) -> str:  # noqa: N802
        board, at = self._board(handle), _address(handle)
        return board.uuid if at < 1000 else f"MIG-{board.uuid.removeprefix('GPU-')}-{at % 1000}"

    def nvmlDeviceGetName(self, handle: Any) -> str:  # noqa: N802
        return self._board(handle).name

    def nvmlDeviceGetVirtualizationMode(self, handle: Any) -> int:  # noqa: N802
        return self._asked("nvmlDeviceGetVirtualizationMode", handle).virtualisation

    def nvmlDeviceGetUtilizationRates(self, handle: Any) -> Any:  # noqa: N802
        board = self._asked("nvmlDeviceGetUtilizationRates", handle)
        if board.instances:
            raise _error("NVML_ERROR_NOT_SUPPORTED")
        return pynvml.c_nvmlUtilization_t(gpu=round(100 * board.busy), memory=0)

    def nvmlDeviceGetMemoryInfo(self, handle: Any) -> Any:  # noqa: N802
        board = self._asked("nvmlDeviceGetMemoryInfo", handle)
        at = _address(handle)
        used = board.memory_bytes if at < 1000 else board.instances[at % 1000][0]
        total = board.memory_total_bytes if at < 1000 else board.instance_bytes
        return pynvml.c_nvmlMemory_t(total=total, free=total - used, used=used)

    def nvmlDeviceGetPowerUsage(self, handle: Any) -> int:  # noqa: N802
        return round(1000 * self._asked("nvmlDeviceGetPowerUsage", handle).watts)

    def nvmlDeviceGetClockInfo(self, handle: Any, kind: int) -> int:  # noqa: N802
        board = self._asked("nvmlDeviceGetClockInfo", handle)
        return board.clock_mhz if kind == pynvml.NVML_CLOCK_SM else board.memory_clock_mhz

    def nvmlDeviceGetTemperature(self, handle: Any, sensor: int) -> int:  # noqa: N802
        return self._asked("nvmlDeviceGetTemperature", handle).celsius

    def nvmlDeviceGetCurrentClocksEventReasons(self, handle: Any) -> int:  # noqa: N802
        return self._asked("nvmlDeviceGetCurrentClocksEventReasons", handle).throttle_bits

    def nvmlDeviceGetSamples(self, handle: Any, kind: int, since: int) -> tuple[int, list[Any]]:  # noqa: N802
        board = self._asked("nvmlDeviceGetSamples", handle)
        if not board.history or board.instances:
            raise _error("NVML_ERROR_NOT_SUPPORTED")
        utilisation = kind == pynvml.NVML_GPU_UTILIZATION_SAMPLES
        value = round(100 * board.busy) if utilisation else round(1000 * board.peak_watts)
        step = 1_000_000 // SAMPLES_A_SECOND
        latest = int(self._clock() * 1e6) // step * step
        first = max(since // step * step + step, latest - (KEPT_SAMPLES - 1) * step)
        found = [_sample(at, value) for at in range(first, latest + 1, step)]
        if not found:
            raise _error("NVML_ERROR_NOT_FOUND")
        return pynvml.NVML_VALUE_TYPE_UNSIGNED_INT, [*found, _sample(0, 0)]

    def nvmlDeviceGetFieldValues(self, handle: Any, wanted: list[Any]) -> Any:  # noqa: N802
        board = self._asked("nvmlDeviceGetFieldValues", handle)
        values = (pynvml.c_nvmlFieldValue_t * len(wanted))()
        for answer, one in zip(values, wanted, strict=True):
            answer.fieldId, answer.scopeId = one if isinstance(one, tuple) else (one, 0)
            name = _NAMES[answer.fieldId]
            error = self._refusals.get((name, "")) or self._refusals.get((name, board.uuid))
            answer.nvmlReturn = getattr(pynvml, error) if error else pynvml.NVML_SUCCESS
            answer.valueType = pynvml.NVML_VALUE_TYPE_UNSIGNED_LONG_LONG
            answer.value.ullVal = board.fields.get(name, DEFAULTS.get(name, 0))
        return values

    # Activity (GPM), MIG, processes, events.

    def nvmlGpmQueryDeviceSupport(self, handle: Any) -> Any:  # noqa: N802
        return pynvml.c_nvmlGpmSupport_t(version=1, isSupportedDevice=int(self._board(handle).hopper))

    def nvmlGpmSampleAlloc(self) -> Any:  # noqa: N802
        return ctypes.cast(ctypes.c_void_p(next(self._addresses)), pynvml.c_nvmlGpmSample_t)

    def nvmlGpmSampleFree(self, sample: Any) -> None:  # noqa: N802
        self.calls.append("nvmlGpmSampleFree")

    def nvmlGpmSampleGet(self, handle: Any, sample: Any) -> Any:  # noqa: N802
        self._samples[_address(sample)] = self._asked("nvmlGpmSampleGet", handle), None
        return sample

    def nvmlGpmMigSampleGet(self, handle: Any, instance: int, sample: Any) -> Any:  # noqa: N802
        self._samples[_address(sample)] = self._asked("nvmlGpmMigSampleGet", handle), instance
        return sample

    def nvmlGpmMetricsGet(self, wanted: Any) -> Any:  # noqa: N802
        board, instance = self._samples[_address(wanted.sample2)]
        sm = board.sm if instance is None else board.instances[instance][1]
        known = {
            pynvml.NVML_GPM_METRIC_SM_UTIL: sm,
            pynvml.NVML_GPM_METRIC_ANY_TENSOR_UTIL: board.tensor,
            pynvml.NVML_GPM_METRIC_DRAM_BW_UTIL: board.dram,
        }
        for metric in wanted.metrics[: wanted.numMetrics]:
            metric.nvmlReturn, metric.value = pynvml.NVML_SUCCESS, 100 * known[metric.metricId]
        return wanted

    def nvmlDeviceGetMigMode(self, handle: Any) -> list[int]:  # noqa: N802
        return [int(bool(self._asked("nvmlDeviceGetMigMode", handle).instances))] * 2

    def nvmlDeviceGetMaxMigDeviceCount(self, handle: Any) -> int:  # noqa: N802
        return 7

    def nvmlDeviceGetMigDeviceHandleByIndex(self, handle: Any, at: int) -> Any:  # noqa: N802
        instances = sorted(self._board(handle).instances)
        if at >= len(instances):
            raise _error("NVML_ERROR_NOT_FOUND")
        return _handle(1000 * _address(handle) + instances[at])

    def nvmlDeviceGetGpuInstanceId(self, handle: Any) -> int:  # noqa: N802
        return _address(handle) % 1000

    def nvmlDeviceGetActiveVgpus(self, handle: Any) -> list[int]:  # noqa: N802
        board, at = self._asked("nvmlDeviceGetActiveVgpus", handle), _address(handle)
        return [1000 * at + number for number in range(len(board.vgpus))]

    def nvmlVgpuInstanceGetUUID(self, one: int) -> str:  # noqa: N802
        return self._vgpu("nvmlVgpuInstanceGetUUID", one)[0]

    def nvmlVgpuInstanceGetType(self, one: int) -> int:  # noqa: N802
        self._vgpu("nvmlVgpuInstanceGetType", one)
        return one

    def nvmlVgpuTypeGetFramebufferSize(self, kind: int) -> int:  # noqa: N802
        return self._vgpu("nvmlVgpuTypeGetFramebufferSize", kind)[1][1]

    def _nvmlGetFunctionPointer(self, name: str) -> Callable[[int, Any], int]:  # noqa: N802
        """The library's own function: it writes 64 bits where the pointer points."""
        if name != "nvmlVgpuInstanceGetFbUsage":
            raise _error("NVML_ERROR_FUNCTION_NOT_FOUND")

        def usage(one: int, out: Any) -> int:
            try:
                out._obj.value = self._vgpu(name, one)[1][0]
            except pynvml.NVMLError as problem:
                return int(problem.value)
            return 0

        return usage

    def _vgpu(self, call: str, one: int) -> tuple[str, tuple[int, int]]:
        board = self._asked(call, _handle(one // 1000))
        return list(board.vgpus.items())[one % 1000]

    def nvmlDeviceGetComputeRunningProcesses(self, handle: Any) -> list[Any]:  # noqa: N802
        board = self._asked("nvmlDeviceGetComputeRunningProcesses", handle)
        return [SimpleNamespace(pid=pid, usedGpuMemory=MEBIBYTE) for pid in board.processes]

    def nvmlDeviceGetSupportedEventTypes(self, handle: Any) -> int:  # noqa: N802
        self._asked("nvmlDeviceGetSupportedEventTypes", handle)
        return int(pynvml.nvmlEventTypeXidCriticalError)

    def nvmlEventSetCreate(self) -> Any:  # noqa: N802
        return pynvml.c_nvmlEventSet_t()

    def nvmlEventSetFree(self, events: Any) -> None:  # noqa: N802
        self.calls.append("nvmlEventSetFree")

    def nvmlDeviceRegisterEvents(self, handle: Any, kinds: int, events: Any) -> None:  # noqa: N802
        self._asked("nvmlDeviceRegisterEvents", handle)

    def nvmlEventSetWait_v2(self, events: Any, milliseconds: int) -> Any:  # noqa: N802
        self._asked("nvmlEventSetWait_v2", None)
        try:
            uuid, code = self._pending.get(timeout=milliseconds / 1000)
        except queue.Empty:
            raise _error("NVML_ERROR_TIMEOUT") from None
        at = next(at for at, board in enumerate(self.boards, 1) if board.uuid == uuid)
        return pynvml.c_nvmlEventData_t(
            device=_handle(at), eventType=pynvml.nvmlEventTypeXidCriticalError, eventData=code
        )

    def _board(self, handle: Any) -> Board:
        at = _address(handle)
        return self.boards[(at if at < 1000 else at // 1000) - 1]

    def _asked(self, call: str, handle: Any) -> Board:
        self.calls.append(call) if len(self.calls) < 10_000 else None
        board = self._board(handle) if handle is not None else Board("")
        error = self._refusals.get((call, "")) or self._refusals.get((call, board.uuid))
        if board.lost:
            error = "NVML_ERROR_GPU_IS_LOST"
        if error is not None:
            raise _error(error)
        return board


def _handle(at: int) -> Any:
    return ctypes.cast(ctypes.c_void_p(at), pynvml.c_nvmlDevice_t)


def _address(pointer: Any) -> int:
    return ctypes.cast(pointer, ctypes.c_void_p).value or 0


def _sample(at: int, value: int) -> Any:
    sample = pynvml.c_nvmlSample_t(timeStamp=at)
    sample.sampleValue.uiVal = value
    return sample


def _error(name: str) -> Exception:
    error: Exception = pynvml.NVMLError(getattr(pynvml, name))
    return error
