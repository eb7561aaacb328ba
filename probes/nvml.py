"""The only pynvml import: this machine's GPUs. What a driver does not support, denies or has lost is a state, never a 0.

On the loop only calls of microseconds run (utilisation 2.5, memory 12, one call for all field values). What blocks or is slow
(events, process lists at 4,500 microseconds) runs on the watcher's own thread; PCIe throughput, which waits 20 ms a direction,
is never asked for.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import Any, Protocol

import pynvml as pynvml  # the simulated driver takes its structures from here

from probes import fields
from probes.fields import ACTIVITY, FIELDS, MEMBERS, RECOVERY, States
from probes.gpu import GpuReading, Machine, Reading, Seconds, nothing, throttle_reasons
from probes.gpuwatch import Watcher
from probes.nvmlparts import Parts, text


class Nvml(Protocol):
    """What we use of pynvml; a test and the simulated fleet pass their own."""

    NVMLError: type[Exception]

    def __getattr__(self, name: str) -> Any: ...


REOPEN_READS = 20  # with a GPU lost: the library may see it again only when it is opened anew
EMPTY_READS = 3  # in a row without a sample: the clock went back, so samples are asked for from the beginning


class _Card:
    """What is remembered of one GPU between readings."""

    def __init__(self) -> None:
        self.seconds = Seconds()
        self.seen = {"utilisation": 0, "power": 0}  # the driver's time stamp of the latest sample, microseconds
        self.empty = 0
        self.gpm: dict[
            int | None, list[Any]
        ] = {}  # by MIG instance (None: the board): the sample before, and room for the next
        self.gpm_state: str | None = None  # why there is none


class NvmlReader:
    """Opens the driver when first read, and again after it was lost. `watch`: XID events and processes, on a thread."""

    def __init__(self, nvml: Nvml = pynvml, *, watch: bool = False) -> None:
        self._nvml, self._open, self._watch = nvml, False, watch
        self._states = States(nvml)
        known = [one for one in FIELDS if hasattr(nvml, one.nvml)]
        self._wanted = [(one, f"{one.name}_{one.reason}" if one.reason else one.name) for one in known]
        self._asked = [
            getattr(nvml, one.nvml) if one.scope is None else (getattr(nvml, one.nvml), one.scope) for one in known
        ]
        self._parts = Parts(nvml, self._states)
        self._lost_for = 0  # readings since a GPU was lost
        self._opening = threading.Lock()
        self._watcher: Watcher | None = None
        self._cards: dict[str, _Card] = {}
        self._facts: dict[str, str] = {}
        self._metrics: Any = None

    def read(self) -> Machine:
        try:
            self._opened()
            count = self._nvml.nvmlDeviceGetCount()
            if count == 0 and not self._cards:
                return Machine("no_gpu")
            handles: dict[str, Any] = {}
            readings = [one for at in range(count) for one in self._gpu(at, handles)]
        except self._nvml.NVMLError as problem:
            self._lose()
            return Machine(self._states.of(problem))
        if self._watch and self._watcher is None and handles:
            self._watcher = Watcher(self._nvml, handles)
        named = {reading.uuid for reading in readings}
        readings += [nothing(uuid, "lost") for uuid in self._cards if uuid not in named]
        machine = Machine("ok", tuple(readings), facts=dict(self._facts))
        if self._watcher is not None:
            found = tuple(self._watcher.added(reading) for reading in readings)
            machine = replace(machine, gpus=found, xids=self._watcher.drain())
        self._lost_for = self._lost_for + 1 if any(one.states == ("lost",) for one in readings) else 0
        if self._lost_for >= REOPEN_READS:
            self._lost_for = 0
            self._lose()
        return machine

    def processes(self) -> dict[str, tuple[int, ...]]:
        """GPU UUID to the processes that compute on it. Milliseconds a GPU: never in the loop. What is denied is left out."""
        found: dict[str, tuple[int, ...]] = {}
        try:
            self._opened()
            for at in range(self._nvml.nvmlDeviceGetCount()):
                handle = self._nvml.nvmlDeviceGetHandleByIndex(at)
                running = self._nvml.nvmlDeviceGetComputeRunningProcesses(handle)
                found[text(self._nvml.nvmlDeviceGetUUID(handle))] = tuple(int(one.pid) for one in running)
        except self._nvml.NVMLError:
            return found
        return found

    def _opened(self) -> None:
        with self._opening:
            if not self._open:
                self._nvml.nvmlInit()
                self._open = True
                self._facts = self._about()

    @property
    def facts(self) -> Mapping[str, str]:
        """Driver, CUDA, and by UUID the model; empty before the driver was opened."""
        return self._facts

    @property
    def parts(self) -> Mapping[str, str]:
        """The MIG instances that the latest reading saw: `MIG-...` to `GPU-.../1`."""
        return self._parts.uuids()

    def close(self) -> None:
        self._lose()

    def _lose(self) -> None:
        """The library counts its openings: without the shutdown a lost driver would be opened again as it was."""
        if self._watcher is not None:
            self._watcher.stop()
            self._watcher = None
        samples = [
            one for card in self._cards.values() for kept in card.gpm.values() for one in kept if one is not None
        ]
        self._cards = {uuid: _Card() for uuid in self._cards}
        if not self._open:
            return
        self._open = False
        for end in [*(partial(self._nvml.nvmlGpmSampleFree, one) for one in samples), self._nvml.nvmlShutdown]:
            try:
                end()
            except self._nvml.NVMLError:
                continue

    def _about(self) -> dict[str, str]:
        nvml = self._nvml
        found: dict[str, str] = {}
        asked: dict[str, Callable[[], str]] = {
            "driver": lambda: text(nvml.nvmlSystemGetDriverVersion()),
            "cuda": lambda: _version(nvml.nvmlSystemGetCudaDriverVersion_v2()),
        }
        for name, read in asked.items():
            try:
                found[name] = read()
            except nvml.NVMLError as problem:
                found[f"{name}_state"] = self._states.of(problem)
        return found

    def _gpu(self, at: int, handles: dict[str, Any]) -> list[GpuReading]:
        """The board, its MIG instances where it is cut, and the virtual GPUs that it lends."""
        nvml = self._nvml
        try:
            handle = nvml.nvmlDeviceGetHandleByIndex(at)
            uuid = text(nvml.nvmlDeviceGetUUID(handle))
        except nvml.NVMLError as problem:
            return (
                []
                if self._states.of(problem) == "lost" and self._cards
                else [nothing(f"index-{at}", self._states.of(problem))]
            )
        handles[uuid] = handle
        if uuid not in self._cards:
            self._cards[uuid] = _Card()
            self._name(uuid, handle)
        card = self._cards[uuid]
        reading = Reading(uuid)
        cut = self._parts.is_cut(handle)
        self._plain(reading, handle)
        self._history(reading, handle, card)
        self._fields(reading, handle)
        if not cut:
            self._activity(reading, handle, card, None)
        if reading.lost:
            return [nothing(uuid, "lost")]
        out = [reading.done()]
        if cut:
            out += self._parts.instances(uuid, handle, lambda part, at: self._activity(part, handle, card, at))
        if self._facts.get(f"{uuid}/vgpu") == "host":
            out += self._parts.lent(uuid, handle)
        return out

    def _name(self, uuid: str, handle: Any) -> None:
        nvml = self._nvml
        try:
            self._facts[uuid] = text(nvml.nvmlDeviceGetName(handle))
            mode = nvml.nvmlDeviceGetVirtualizationMode(handle)
        except nvml.NVMLError:
            return
        if mode in (nvml.NVML_GPU_VIRTUALIZATION_MODE_VGPU, nvml.NVML_GPU_VIRTUALIZATION_MODE_HOST_VGPU):
            self._facts[f"{uuid}/vgpu"] = "guest" if mode == nvml.NVML_GPU_VIRTUALIZATION_MODE_VGPU else "host"

    def _plain(self, reading: Reading, handle: Any) -> None:
        nvml = self._nvml

        def memory() -> float:
            found = nvml.nvmlDeviceGetMemoryInfo(handle)
            reading.values["memory_total_bytes"] = float(found.total)
            return float(found.used)

        self._ask(reading, "memory_bytes", memory)
        self._ask(reading, "power_watts", lambda: nvml.nvmlDeviceGetPowerUsage(handle) / 1000)
        self._ask(reading, "clock_hertz", lambda: nvml.nvmlDeviceGetClockInfo(handle, nvml.NVML_CLOCK_SM) * 1e6)
        self._ask(reading, "memory_clock_hertz", lambda: nvml.nvmlDeviceGetClockInfo(handle, nvml.NVML_CLOCK_MEM) * 1e6)
        self._ask(
            reading,
            "temperature_celsius",
            lambda: float(nvml.nvmlDeviceGetTemperature(handle, nvml.NVML_TEMPERATURE_GPU)),
        )
        try:
            reading.throttled = throttle_reasons(nvml.nvmlDeviceGetCurrentClocksEventReasons(handle))
        except nvml.NVMLError as problem:
            reading.missing("throttle", self._states.of(problem))
        if (role := self._facts.get(f"{reading.uuid}/vgpu")) is not None:
            reading.states.append(f"vgpu_{role}")

    def _history(self, reading: Reading, handle: Any, card: _Card) -> None:
        """Utilisation and peak power of all the time since the reading before, out of the driver's ring buffers."""
        nvml = self._nvml
        try:
            found = self._samples(handle, card, "utilisation", nvml.NVML_GPU_UTILIZATION_SAMPLES)
        except nvml.NVMLError:  # a single figure then, the driver's latest
            self._ask(reading, "utilisation_ratio", lambda: nvml.nvmlDeviceGetUtilizationRates(handle).gpu / 100)
            if (busy := reading.values.get("utilisation_ratio")) is not None:
                reading.utilisation = (busy,)
        else:
            card.empty = 0 if found else card.empty + 1
            if card.empty >= EMPTY_READS:
                card.seen, card.empty = dict.fromkeys(card.seen, 0), 0
            if found:
                reading.values["utilisation_ratio"] = sum(value for _, value in found) / len(found) / 100
            else:
                reading.missing("utilisation_ratio", "no_sample")
            reading.utilisation = card.seconds.add([(at, value / 100) for at, value in found])
        try:
            power = self._samples(handle, card, "power", nvml.NVML_TOTAL_POWER_SAMPLES)
        except nvml.NVMLError as problem:
            reading.missing("power_peak_watts", self._states.of(problem))
        else:
            if power:
                reading.values["power_peak_watts"] = max(value for _, value in power) / 1000

    def _samples(self, handle: Any, card: _Card, what: str, kind: int) -> list[tuple[float, float]]:
        """Unix seconds and value of each sample newer than the latest that was seen; none is none, not an error."""
        nvml = self._nvml
        try:
            member, found = nvml.nvmlDeviceGetSamples(handle, kind, card.seen[what])
        except nvml.NVMLError as problem:
            if getattr(problem, "value", None) == nvml.NVML_ERROR_NOT_FOUND:
                return []
            raise
        since = card.seen[what]
        name = MEMBERS[member]
        kept = sorted(
            (one.timeStamp, float(getattr(one.sampleValue, name))) for one in found if one.timeStamp > since
        )  # the buffer's unused places come back as time stamp 0
        if kept:
            card.seen[what] = kept[-1][0]
        return [(at / 1e6, value) for at, value in kept]

    def _fields(self, reading: Reading, handle: Any) -> None:
        nvml = self._nvml
        try:
            answers = nvml.nvmlDeviceGetFieldValues(handle, self._asked)
        except nvml.NVMLError as problem:
            reading.missing("fields", self._states.of(problem))
            return
        for (one, what), (kind, error, raw) in zip(self._wanted, fields.answers(answers), strict=True):
            if error:
                if not one.fallback:
                    reading.missing(what, self._states.of(error))
                continue
            value = fields.number(kind, raw) * one.factor
            if one.name == "recovery_action":
                if value:
                    reading.states.append(f"recovery_{_word(RECOVERY, int(value))}")
            elif one.fallback and (one.name, "software_thermal") in reading.counters:
                continue
            elif one.counter:
                reading.counters[one.name, one.reason] = value
            elif one.name == "memory_temperature_celsius" and value == 0:
                reading.missing(what, "no_sensor")  # boards without one read 0
            else:
                reading.values[one.name] = value

    def _activity(self, reading: Reading, handle: Any, card: _Card, instance: int | None) -> None:
        """Means since the sample before, of the board or of one instance."""
        nvml = self._nvml
        name = "activity"
        if card.gpm_state is not None:
            reading.missing(name, card.gpm_state)
            return
        try:
            pair = card.gpm.get(instance)
            if pair is None:
                if not nvml.nvmlGpmQueryDeviceSupport(handle).isSupportedDevice:
                    card.gpm_state = "not_supported"
                    reading.missing(name, "not_supported")
                    return
                pair = [None, nvml.nvmlGpmSampleAlloc()]
            before, fresh = pair
            if instance is None:
                nvml.nvmlGpmSampleGet(handle, fresh)
            else:
                nvml.nvmlGpmMigSampleGet(handle, instance, fresh)
            card.gpm[instance] = [fresh, nvml.nvmlGpmSampleAlloc() if before is None else before]
            if before is None:
                return
            metrics = self._metrics_of(before, fresh)
        except nvml.NVMLError as problem:
            if (state := self._states.of(problem)) in ("not_supported", "denied"):
                card.gpm_state = state  # asked once: it stays so until the driver is opened again
            reading.missing(name, state)
            return
        for at, (_, signal) in enumerate(ACTIVITY):
            if metrics.metrics[at].nvmlReturn == nvml.NVML_SUCCESS:
                reading.values[signal] = min(1.0, metrics.metrics[at].value / 100)
            else:
                reading.missing(signal, self._states.of(metrics.metrics[at].nvmlReturn))

    def _metrics_of(self, before: Any, now: Any) -> Any:
        nvml = self._nvml
        if self._metrics is None:
            self._metrics = nvml.c_nvmlGpmMetricsGet_t()
            self._metrics.version, self._metrics.numMetrics = nvml.NVML_GPM_METRICS_GET_VERSION, len(ACTIVITY)
            for at, (metric, _) in enumerate(ACTIVITY):
                self._metrics.metrics[at].metricId = getattr(nvml, metric)
        self._metrics.sample1, self._metrics.sample2 = before, now
        return nvml.nvmlGpmMetricsGet(self._metrics)

    def _ask(self, reading: Reading, name: str, read: Callable[[], float]) -> None:
        try:
            reading.values[name] = read()
        except self._nvml.NVMLError as problem:
            reading.missing(name, self._states.of(problem))


def _version(number: int) -> str:
    """12040 is CUDA 12.4."""
    return f"{number // 1000}.{number % 1000 // 10}"


def _word(words: tuple[str, ...], number: int) -> str:
    return words[number] if 0 <= number < len(words) else f"action_{number}"
