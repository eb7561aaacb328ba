"""What of NVML waits or is slow, on a thread of its own: XID events as they happen, compute processes every five minutes.

Only what happens after the registration comes as an event. Where events are refused, `state` says why and so does gpu_state.
"""

from __future__ import annotations

import ctypes
import threading
import time
from collections import deque
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from probes.fields import States
from probes.gpu import GpuReading

WAIT_MILLISECONDS = 500
AGAIN_SECONDS = 30.0  # until events are asked for once more after the driver refused to go on
PROCESS_SECONDS = 300.0
KEPT = 10_000  # events not yet read; a storm is counted up to here
UNKNOWN = "unknown"


class Watcher:
    """Starts with its thread. `handles`: NVML's device handles by UUID; the driver must stay open until `stop` returns."""

    def __init__(self, nvml: Any, handles: Mapping[str, Any]) -> None:
        self._nvml, self._states, self._handles = nvml, States(nvml), dict(handles)
        self._addresses = {_address(handle): uuid for uuid, handle in self._handles.items()}
        self._events: deque[tuple[str, int]] = deque(maxlen=KEPT)
        self._refused: dict[str, str] = {}  # UUID to why its events do not come
        self.processes: dict[str, tuple[int, ...]] = {}
        self._no_processes: dict[str, str] = {}
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="gpu-events", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._over.set()
        self._thread.join(timeout=2 * WAIT_MILLISECONDS / 1000)

    def drain(self) -> tuple[tuple[str, int], ...]:
        """The events since the last call, oldest first."""
        taken: list[tuple[str, int]] = []
        while True:
            try:
                taken.append(self._events.popleft())
            except IndexError:
                return tuple(taken)

    def added(self, reading: GpuReading) -> GpuReading:
        """The reading of a board with what the watcher knows about it."""
        uuid = reading.uuid
        if uuid not in self._handles or "ok" not in reading.states:
            return reading
        states, values = list(reading.states), dict(reading.values)
        if uuid in self._refused:
            states.append(f"xid_{self._refused[uuid]}")
        if uuid in self.processes:
            values["processes"] = float(len(self.processes[uuid]))
        elif uuid in self._no_processes:
            states.append(f"processes_{self._no_processes[uuid]}")
        return replace(reading, states=tuple(states), values=values)

    def _run(self) -> None:
        due = 0.0
        while not self._over.is_set():
            events = self._registered()
            while events is not None and not self._over.is_set():
                if time.monotonic() >= due:
                    due = time.monotonic() + PROCESS_SECONDS
                    self._count_processes()
                if not self._wait(events):
                    break
            if events is not None:
                self._free(events)
            elif time.monotonic() >= due:
                due = time.monotonic() + PROCESS_SECONDS
                self._count_processes()
            self._over.wait(AGAIN_SECONDS)

    def _registered(self) -> Any:
        """An event set with every GPU that has XID events in it; None where there is none."""
        nvml, wanted = self._nvml, self._nvml.nvmlEventTypeXidCriticalError
        refused: dict[str, str] = {}
        events: Any = None
        for uuid, handle in self._handles.items():
            try:
                if not nvml.nvmlDeviceGetSupportedEventTypes(handle) & wanted:
                    refused[uuid] = "not_supported"
                    continue
                events = nvml.nvmlEventSetCreate() if events is None else events
                nvml.nvmlDeviceRegisterEvents(handle, wanted, events)
            except nvml.NVMLError as problem:
                refused[uuid] = self._states.of(problem)
        self._refused = refused
        if events is not None and len(refused) == len(self._handles):
            self._free(events)
            return None
        return events

    def _wait(self, events: Any) -> bool:
        """One event, or none within half a second. False: the set is to be made anew."""
        nvml = self._nvml
        try:
            event = nvml.nvmlEventSetWait_v2(events, WAIT_MILLISECONDS)
        except nvml.NVMLError as problem:
            if getattr(problem, "value", None) == nvml.NVML_ERROR_TIMEOUT:
                return True
            self._refused = dict.fromkeys(self._handles, self._states.of(problem))
            return False
        if event.eventType == nvml.nvmlEventTypeXidCriticalError:
            self._events.append((self._addresses.get(_address(event.device), UNKNOWN), int(event.eventData)))
        return True

    def _count_processes(self) -> None:
        nvml = self._nvml
        found: dict[str, tuple[int, ...]] = {}
        refused: dict[str, str] = {}
        for uuid, handle in self._handles.items():
            if self._over.is_set():
                return
            try:
                found[uuid] = tuple(one.pid for one in nvml.nvmlDeviceGetComputeRunningProcesses(handle))
            except nvml.NVMLError as problem:
                refused[uuid] = self._states.of(problem)
        self.processes, self._no_processes = found, refused

    def _free(self, events: Any) -> None:
        try:
            self._nvml.nvmlEventSetFree(events)
        except self._nvml.NVMLError:
            return


def _address(handle: Any) -> int | None:
    return ctypes.cast(handle, ctypes.c_void_p).value
