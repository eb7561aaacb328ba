"""GPU readings through a small driver of our own, and the spread of utilisation."""

from __future__ import annotations

from types import SimpleNamespace

import pynvml
import pytest

from probes import gpu
from probes.exposition import series
from probes.gpu import GpuReading, Machine, SpreadWindow, spread_points, throttle_reasons
from probes.nvml import NvmlReader


class Driver:
    """What pynvml would answer on a machine with these GPUs; an exception as a value is raised."""

    NVMLError = pynvml.NVMLError
    NVML_CLOCK_SM, NVML_TEMPERATURE_GPU = pynvml.NVML_CLOCK_SM, pynvml.NVML_TEMPERATURE_GPU

    def __init__(self, *gpus: dict[str, object], init: object = None) -> None:
        self.gpus, self.init, self.opened, self.closed = gpus, init, 0, 0
        self.nvmlInit, self.nvmlShutdown, self.nvmlDeviceGetCount = self._open, self._close, lambda: len(gpus)
        self.nvmlDeviceGetHandleByIndex = lambda at: gpus[at]

    def _open(self) -> None:
        self.opened += 1
        _given(self.init)

    def _close(self) -> None:
        self.closed += 1

    def __getattr__(self, name: str):
        return lambda handle, *_: _given(handle.get(name, pynvml.NVMLError(pynvml.NVML_ERROR_NOT_SUPPORTED)))


def _given(value):
    if isinstance(value, Exception):
        raise value
    return value


def error(name: str) -> pynvml.NVMLError:
    return pynvml.NVMLError(getattr(pynvml, name))


HEALTHY: dict[str, object] = {
    "nvmlDeviceGetUUID": b"GPU-1",
    "nvmlDeviceGetUtilizationRates": SimpleNamespace(gpu=87),
    "nvmlDeviceGetMemoryInfo": SimpleNamespace(used=64 * 2**30),
    "nvmlDeviceGetPowerUsage": 512_250,
    "nvmlDeviceGetClockInfo": 1980,
    "nvmlDeviceGetTemperature": 61,
    "nvmlDeviceGetCurrentClocksEventReasons": 0x24,
}


def test_a_healthy_gpu_is_read_in_canonical_units():
    (reading,) = NvmlReader(Driver(HEALTHY)).read().gpus
    assert reading == GpuReading(
        uuid="GPU-1",
        values={
            "utilisation_ratio": 0.87,
            "memory_bytes": 64 * 2**30,
            "power_watts": 512.25,
            "clock_hertz": 1980e6,
            "temperature_celsius": 61.0,
        },
        throttled=("power_cap", "software_thermal"),
    )


def test_what_is_not_supported_or_denied_is_absent_with_a_state():
    refused = {
        "nvmlDeviceGetUtilizationRates": error("NVML_ERROR_NOT_SUPPORTED"),
        "nvmlDeviceGetPowerUsage": error("NVML_ERROR_NO_PERMISSION"),
    }
    driver = Driver({**HEALTHY, **refused})
    (reading,) = NvmlReader(driver).read().gpus
    assert set(reading.values) == {"memory_bytes", "clock_hertz", "temperature_celsius"}
    assert reading.states == ("ok", "utilisation_ratio_not_supported", "power_watts_denied")


def test_a_lost_gpu_is_lost_and_its_neighbour_is_read():
    lost = {**HEALTHY, "nvmlDeviceGetMemoryInfo": error("NVML_ERROR_GPU_IS_LOST")}
    machine = NvmlReader(Driver(lost, {**HEALTHY, "nvmlDeviceGetUUID": "GPU-2"})).read()
    assert [(reading.uuid, reading.states[0], len(reading.values)) for reading in machine.gpus] == [
        ("GPU-1", "lost", 0),
        ("GPU-2", "ok", 5),
    ]


def test_an_error_without_a_word_of_its_own_keeps_its_number():
    (reading,) = NvmlReader(Driver({**HEALTHY, "nvmlDeviceGetTemperature": error("NVML_ERROR_UNKNOWN")})).read().gpus
    assert reading.states == ("ok", "temperature_celsius_error_999")


@pytest.mark.parametrize(
    ("driver", "state"),
    [
        (Driver(), "no_gpu"),
        (Driver(init=error("NVML_ERROR_LIBRARY_NOT_FOUND")), "no_driver"),
        (Driver(init=error("NVML_ERROR_DRIVER_NOT_LOADED")), "no_driver"),
        (Driver(init=error("NVML_ERROR_NO_PERMISSION")), "denied"),
        (Driver(init=error("NVML_ERROR_LIB_RM_VERSION_MISMATCH")), "driver_mismatch"),
    ],
)
def test_no_gpu_here_is_a_state(driver, state):
    machine = NvmlReader(driver).read()
    assert machine == Machine(state)
    own = {"service": "chat", "region": "eu", "replica": "unjoined", "gpu": "none"}
    assert gpu.canonical(machine, service="chat", region="eu", replicas={}) == {
        series("tailwatch_gpu_state", **own, state=state): 1.0
    }


def test_a_driver_that_was_lost_is_opened_again():
    driver = Driver(HEALTHY, init=error("NVML_ERROR_DRIVER_NOT_LOADED"))
    reader = NvmlReader(driver)
    assert reader.read().state == "no_driver"
    driver.init = None
    assert reader.read().state == reader.read().state == "ok"
    assert driver.opened == 2
    reader.close()
    reader.close()
    assert driver.closed == 1


def test_the_real_driver_answers_with_gpus_or_with_a_state():
    reader = NvmlReader()
    machine = reader.read()
    reader.close()
    assert bool(machine.gpus) == (machine.state == "ok")
    assert not machine.state.startswith("error_")


def test_a_gpu_carries_the_labels_of_its_replica():
    machine = Machine(
        "ok",
        (GpuReading("GPU-1", {"power_watts": 300.0}, states=("ok", "clock_hertz_denied")), GpuReading("GPU-2", {})),
    )
    found = gpu.canonical(machine, service="chat", region="eu", replicas={"GPU-1": "chat-0"})
    one = {"service": "chat", "region": "eu", "replica": "chat-0", "gpu": "GPU-1"}
    two = {"service": "chat", "region": "eu", "replica": "unjoined", "gpu": "GPU-2"}
    assert found == {
        series("tailwatch_gpu_power_watts", **one): 300.0,
        series("tailwatch_gpu_state", **one, state="ok"): 1.0,
        series("tailwatch_gpu_state", **one, state="clock_hertz_denied"): 1.0,
        series("tailwatch_gpu_state", **two, state="ok"): 1.0,
    }


@pytest.mark.parametrize(
    ("bits", "reasons"),
    [(0, ()), (0x1 | 0x2, ()), (0x4, ("power_cap",)), (0x40 | 0x8, ("hardware_slowdown", "hardware_thermal"))],
)
def test_idle_and_chosen_clocks_are_no_throttling(bits, reasons):
    assert throttle_reasons(bits) == reasons


@pytest.mark.parametrize(
    ("utilisation", "points"),
    [
        ([0.9, 0.6, 0.9, 0.6, 0.9, 0.6], 15.0),
        ([0.0, 0.12, 0.0, 0.12, 0.06], 5.366563145999495),  # idle at 6 +- 6 %: far from 15 points
        ([1.0] * 20, 0.0),
        ([0.9, 0.1], None),
    ],
)
def test_the_spread_is_a_standard_deviation_in_percentage_points(utilisation, points):
    assert spread_points(utilisation) == (None if points is None else pytest.approx(points))


def test_the_spread_is_of_five_minutes_and_of_moments_when_requests_ran():
    window = SpreadWindow()
    labels = (("gpu", "GPU-1"),)
    window.add(now=0, labels=labels, utilisation=0.0, requests_run=False)
    for at, busy in enumerate([0.9, 0.6, 0.9, 0.6, 0.9, 0.6], 1):
        window.add(now=at * 15, labels=labels, utilisation=busy, requests_run=True)
    assert window.samples(now=90) == {
        series("tailwatch_gpu_utilisation_spread_points", gpu="GPU-1"): pytest.approx(15.0)
    }
    assert window.samples(now=330) == {}
