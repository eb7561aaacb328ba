"""The parts that one board is lent out in: MIG instances and, on a host that lends them, virtual GPUs. Each is a GPU of its own.

The driver measures neither power nor utilisation of a part. Of a MIG instance it tells memory, and activity on Hopper and later; of a
virtual GPU its frame buffer.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from probes.fields import States
from probes.gpu import GpuReading, Reading, nothing


class Parts:
    def __init__(self, nvml: Any, states: States) -> None:
        self._nvml, self._states = nvml, states
        self._named: dict[
            str, dict[int, str]
        ] = {}  # board to GPU instance to its own UUID, as the kubelet hands it out

    def uuids(self) -> Mapping[str, str]:
        """`MIG-...` to the name that its reading has here: `GPU-.../1`."""
        return {uuid: f"{board}/{at}" for board, known in list(self._named.items()) for at, uuid in list(known.items())}

    def is_cut(self, handle: Any) -> bool:
        try:
            return bool(self._nvml.nvmlDeviceGetMigMode(handle)[0])
        except self._nvml.NVMLError:
            return False

    def instances(self, uuid: str, handle: Any, activity: Callable[[Reading, int], None]) -> list[GpuReading]:
        """`activity` adds what GPM says of one instance."""
        nvml = self._nvml
        found: dict[int, GpuReading] = {}
        named: dict[int, str] = {}
        try:
            places = nvml.nvmlDeviceGetMaxMigDeviceCount(handle)
        except nvml.NVMLError as problem:
            return [nothing(f"{uuid}/mig", self._states.of(problem))]
        for at in range(places):
            try:
                part = nvml.nvmlDeviceGetMigDeviceHandleByIndex(handle, at)
                instance = nvml.nvmlDeviceGetGpuInstanceId(part)
            except nvml.NVMLError:
                continue  # an empty place
            if instance in found:
                continue  # a second compute instance shares memory and activity with the first
            reading = Reading(f"{uuid}/{instance}")
            self._memory(reading, part)
            activity(reading, instance)
            found[instance] = reading.done()
            if (name := self._name(uuid, instance, part)) is not None:
                named[instance] = name
        self._named[uuid] = named
        return list(found.values())

    def lent(self, uuid: str, handle: Any) -> list[GpuReading]:
        """The virtual GPUs of a host's board, `GPU-.../<UUID of the virtual GPU>`."""
        nvml = self._nvml
        try:
            running = nvml.nvmlDeviceGetActiveVgpus(handle)
        except nvml.NVMLError as problem:
            return [nothing(f"{uuid}/vgpu", self._states.of(problem))]
        found: list[GpuReading] = []
        for one in running:
            try:
                reading = Reading(f"{uuid}/{text(nvml.nvmlVgpuInstanceGetUUID(one))}")
            except nvml.NVMLError:
                continue  # it ended meanwhile
            self._ask(reading, "memory_bytes", partial(self._frame_buffer, one))
            self._ask(reading, "memory_total_bytes", partial(self._frame_buffer_of, one))
            found.append(reading.done())
        return found

    def _frame_buffer(self, one: int) -> float:
        """Not by pynvml's own nvmlVgpuInstanceGetFbUsage: it takes the 64 bits that the driver writes for 32, and 5 GiB for 1."""
        used = ctypes.c_ulonglong(0)
        problem = self._nvml._nvmlGetFunctionPointer("nvmlVgpuInstanceGetFbUsage")(one, ctypes.byref(used))
        if problem:
            raise self._nvml.NVMLError(problem)
        return float(used.value)

    def _frame_buffer_of(self, one: int) -> float:
        return float(self._nvml.nvmlVgpuTypeGetFramebufferSize(self._nvml.nvmlVgpuInstanceGetType(one)))

    def _memory(self, reading: Reading, part: Any) -> None:
        try:
            found = self._nvml.nvmlDeviceGetMemoryInfo(part)
        except self._nvml.NVMLError as problem:
            reading.missing("memory_bytes", self._states.of(problem))
            return
        reading.values |= {"memory_bytes": float(found.used), "memory_total_bytes": float(found.total)}

    def _name(self, board: str, instance: int, part: Any) -> str | None:
        if (known := self._named.get(board, {}).get(instance)) is not None:
            return known
        try:
            return text(self._nvml.nvmlDeviceGetUUID(part))
        except self._nvml.NVMLError:
            return None

    def _ask(self, reading: Reading, name: str, read: Callable[[], float]) -> None:
        try:
            reading.values[name] = read()
        except self._nvml.NVMLError as problem:
            reading.missing(name, self._states.of(problem))


def text(value: str | bytes) -> str:
    return value.decode("ascii", "replace") if isinstance(value, bytes) else value
