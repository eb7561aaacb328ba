"""GPU readings through a simulated driver that speaks pynvml's own structures, and what becomes of them."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest

from probes import fields, gpu
from probes.exposition import series
from probes.gpu import GpuReading, Machine, Seconds, throttle_reasons
from probes.nvml import EMPTY_READS, REOPEN_READS, NvmlReader, pynvml
from probes.simfleet.driver import Board, SimulatedDriver


class Clock:
    def __init__(self) -> None:
        self.now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


def driver(*boards: Board, **more) -> SimulatedDriver:
    return SimulatedDriver(*boards, clock=Clock(), **more)


def read(one: SimulatedDriver, *, times: int = 2, step: float = 5.0) -> Machine:
    """The last of so many readings; activity needs two, and history shows what came between them."""
    reader = NvmlReader(one)
    for _ in range(times):
        one._clock.now += step  # type: ignore[attr-defined]
        machine = reader.read()
    reader.close()
    return machine


def test_a_healthy_gpu_is_read_in_canonical_units():
    fields = {
        "NVML_FI_DEV_PERF_POLICY_POWER": 90 * 10**9,  # nanoseconds
        "NVML_FI_DEV_ECC_SBE_VOL_TOTAL": 3,
        "NVML_FI_DEV_PCIE_REPLAY_COUNTER": 7,
        "NVML_FI_DEV_NVLINK_THROUGHPUT_DATA_TX": 2,  # KiB
    }
    (reading,) = read(driver(Board("GPU-1", throttle_bits=0x4 | 0x8, fields=fields))).gpus
    assert reading.states == ("ok",)
    assert reading.values == pytest.approx(
        {
            "utilisation_ratio": 0.6, "sm_activity_ratio": 0.4, "tensor_activity_ratio": 0.2, "dram_activity_ratio": 0.5,
            "memory_bytes": 64 * 2**30, "memory_total_bytes": 80 * 2**30, "power_watts": 512.25, "power_peak_watts": 640.0,
            "power_limit_watts": 700.0, "clock_hertz": 1980e6, "memory_clock_hertz": 2619e6, "temperature_celsius": 61.0,
            "memory_temperature_celsius": 70.0, "row_remap_pending": 0.0, "row_remap_failed": 0.0,
        }
    )  # fmt: skip
    assert reading.counters["throttled_seconds_total", "power_cap"] == pytest.approx(90.0)
    assert reading.counters["ecc_errors_total", "corrected"] == 3
    assert reading.counters["pcie_replays_total", ""] == 7
    assert reading.counters["nvlink_bytes_total", "sent"] == 2048
    assert reading.counters["energy_joules_total", ""] == pytest.approx(9000.0)
    assert reading.throttled == ("hardware_slowdown",)  # the power cap has a counter of its own
    assert reading.utilisation == pytest.approx((0.6,) * 5)


def test_utilisation_is_of_all_the_time_since_the_reading_before_and_not_of_one_moment():
    board = Board("GPU-1", busy=1.0)
    one = driver(board)
    reader = NvmlReader(one)
    reader.read()
    one._clock.now += 10  # type: ignore[attr-defined]
    (reading,) = reader.read().gpus
    assert reading.values["utilisation_ratio"] == 1.0
    assert len(reading.utilisation) == 10
    (at_once,) = reader.read().gpus
    assert "utilisation_ratio" not in at_once.values
    assert "utilisation_ratio_no_sample" in at_once.states


def test_after_the_clock_went_back_samples_come_again():
    one = driver(Board("GPU-1"))
    reader = NvmlReader(one)
    reader.read()
    one._clock.now -= 3600  # type: ignore[attr-defined]
    found = [reader.read().gpus[0].utilisation for _ in range(EMPTY_READS + 1)]
    assert found[:EMPTY_READS] == [()] * EMPTY_READS
    assert found[-1]


def test_without_a_ring_buffer_the_latest_figure_serves():
    (reading,) = read(driver(Board("GPU-1", busy=0.87, history=False))).gpus
    assert reading.values["utilisation_ratio"] == 0.87
    assert reading.utilisation == (0.87,)
    assert reading.states == ("ok", "power_peak_watts_not_supported")


def test_what_is_not_supported_or_denied_is_absent_with_a_state_and_never_zero():
    one = driver(Board("GPU-1", hopper=False, fields={"NVML_FI_DEV_MEMORY_TEMP": 0}))
    one.refuse("nvmlDeviceGetPowerUsage", "NVML_ERROR_NO_PERMISSION")
    one.refuse("NVML_FI_DEV_PCIE_REPLAY_COUNTER", "NVML_ERROR_NOT_SUPPORTED")
    one.refuse("nvmlDeviceGetTemperature", "NVML_ERROR_UNKNOWN")
    (reading,) = read(one).gpus
    assert set(reading.states) == {
        "ok",
        "power_watts_denied",
        "temperature_celsius_error_999",
        "memory_temperature_celsius_no_sensor",
        "pcie_replays_total_not_supported",
        "activity_not_supported",
    }
    missing = {"power_watts", "temperature_celsius", "memory_temperature_celsius", "sm_activity_ratio"}
    assert not missing & set(reading.values)
    assert ("pcie_replays_total", "") not in reading.counters


def test_an_older_driver_s_one_counter_of_heat_serves_where_the_newer_are_missing():
    one = driver(Board("GPU-1", fields={"NVML_FI_DEV_PERF_POLICY_THERMAL": 10**9}))
    assert ("throttled_seconds_total", "thermal") not in read(one).gpus[0].counters
    one.refuse("NVML_FI_DEV_CLOCKS_EVENT_REASON_SW_THERM_SLOWDOWN", "NVML_ERROR_NOT_SUPPORTED")
    assert read(one).gpus[0].counters["throttled_seconds_total", "thermal"] == pytest.approx(1.0)


def test_activity_that_is_denied_is_asked_for_once():
    one = driver(Board("GPU-1"))
    one.refuse("nvmlGpmSampleGet", "NVML_ERROR_NO_PERMISSION")
    (reading,) = read(one, times=4).gpus
    assert "activity_denied" in reading.states
    assert one.calls.count("nvmlGpmSampleGet") == 1


def test_a_board_cut_by_mig_gives_its_instances_and_its_own_power_once():
    one = driver(Board("GPU-1", instances={1: (4 * 2**30, 0.9), 5: (2**30, 0.1)}))
    board, first, second = read(one).gpus
    assert board.values["power_watts"] == 512.25
    assert "utilisation_ratio_not_supported" in board.states
    assert (first.uuid, first.values["memory_bytes"], first.values["sm_activity_ratio"]) == ("GPU-1/1", 4 * 2**30, 0.9)
    assert (second.uuid, second.values["sm_activity_ratio"]) == ("GPU-1/5", 0.1)
    assert "power_watts" not in first.values
    assert [part.values["memory_total_bytes"] for part in (board, first)] == [80 * 2**30, 10 * 2**30]


def test_an_instance_s_own_uuid_is_known_and_goes_with_it_and_its_memory_may_be_denied():
    one = driver(Board("GPU-1", instances={1: (2**30, 0.9), 5: (2**30, 0.1)}))
    one.refuse("nvmlDeviceGetMemoryInfo", "NVML_ERROR_NO_PERMISSION")
    reader = NvmlReader(one)
    assert {state for reading in reader.read().gpus[1:] for state in reading.states} == {"ok", "memory_bytes_denied"}
    assert reader.parts == {"MIG-1-1": "GPU-1/1", "MIG-1-5": "GPU-1/5"}
    del one.boards[0].instances[5]
    reader.read()
    assert reader.parts == {"MIG-1-1": "GPU-1/1"}


def test_a_host_s_virtual_gpus_have_their_own_memory_past_four_gigabytes_too():
    mode = pynvml.NVML_GPU_VIRTUALIZATION_MODE_HOST_VGPU
    lent = {"a": (5 * 2**30, 16 * 2**30), "b": (2**20, 8 * 2**30)}
    one = driver(Board("GPU-1", virtualisation=mode, vgpus=lent))
    board, *parts = read(one).gpus
    assert "vgpu_host" in board.states
    assert {part.uuid: (part.values["memory_bytes"], part.values["memory_total_bytes"]) for part in parts} == {
        f"GPU-1/{uuid}": memory for uuid, memory in lent.items()
    }
    one.refuse("nvmlVgpuInstanceGetFbUsage", "NVML_ERROR_NOT_SUPPORTED")
    assert read(one).gpus[1].states == ("ok", "memory_bytes_not_supported")
    one.refuse("nvmlDeviceGetActiveVgpus", "NVML_ERROR_NO_PERMISSION")
    assert (read(one).gpus[1].uuid, read(one).gpus[1].states) == ("GPU-1/vgpu", ("denied",))


def test_a_virtual_gpu_says_that_it_is_one():
    mode = pynvml.NVML_GPU_VIRTUALIZATION_MODE_VGPU
    assert "vgpu_guest" in read(driver(Board("GPU-1", virtualisation=mode))).gpus[0].states


def test_a_lost_gpu_is_lost_its_neighbour_is_read_and_the_driver_is_opened_again_after_a_while():
    lost, fine = Board("GPU-1"), Board("GPU-2")
    one = driver(lost, fine)
    reader = NvmlReader(one)
    reader.read()
    lost.lost = True
    assert [(gpu.uuid, gpu.states[0]) for gpu in reader.read().gpus] == [("GPU-1", "lost"), ("GPU-2", "ok")]
    one.boards.remove(lost)  # and gone from the bus: the library no longer counts it
    for _ in range(REOPEN_READS):
        assert ("GPU-1", ("lost",)) in [(gpu.uuid, gpu.states) for gpu in reader.read().gpus]
    assert (one.opened, one.closed) == (2, 1)
    one.boards.append(Board("GPU-1"))
    assert all(gpu.states[0] == "ok" for gpu in reader.read().gpus)


@pytest.mark.parametrize(
    ("one", "state"),
    [
        (driver(), "no_gpu"),
        (driver(init_error="NVML_ERROR_LIBRARY_NOT_FOUND"), "no_driver"),
        (driver(init_error="NVML_ERROR_DRIVER_NOT_LOADED"), "no_driver"),
        (driver(init_error="NVML_ERROR_NO_PERMISSION"), "denied"),
        (driver(init_error="NVML_ERROR_LIB_RM_VERSION_MISMATCH"), "driver_mismatch"),
    ],
)
def test_no_gpu_here_is_a_state(one, state):
    machine = NvmlReader(one).read()
    assert machine == Machine(state)
    own = {"service": "chat", "region": "eu", "replica": "unjoined", "gpu": "none"}
    assert gpu.canonical(machine, service="chat", region="eu", replicas={}) == {
        series("tailwatch_gpu_state", **own, state=state): 1.0
    }


def test_a_driver_that_was_lost_is_opened_again_and_closed_once_each_time():
    one = driver(Board("GPU-1"), init_error="NVML_ERROR_DRIVER_NOT_LOADED")
    reader = NvmlReader(one)
    assert reader.read().state == "no_driver"
    one.init_error = None
    assert reader.read().state == reader.read().state == "ok"
    assert one.opened == 2
    reader.close()
    reader.close()
    assert one.closed == 1
    assert one.calls.count("nvmlGpmSampleFree") == 2


def test_the_real_driver_answers_with_gpus_or_with_a_state():
    reader = NvmlReader(watch=True)
    machine = reader.read()
    reader.close()
    assert bool(machine.gpus) == (machine.state == "ok")
    assert not machine.state.startswith("error_")


def until(found: Callable[[], object], *, seconds: float = 5.0) -> None:
    waiter = threading.Event()
    for _ in range(int(seconds / 0.01)):
        if found():
            return
        waiter.wait(0.01)
    raise AssertionError(f"not within {seconds} s")


def test_xid_events_and_processes_come_from_a_thread_and_not_from_the_loop():
    one = driver(Board("GPU-1", processes=(1, 2)), Board("GPU-2", processes=()))
    reader = NvmlReader(one, watch=True)
    reader.read()
    one.xid("GPU-2", 79)
    one.xid("GPU-1", 31)
    found: list[tuple[str, int]] = []

    def both() -> bool:
        found.extend(reader.read().xids)
        return len(found) == 2

    until(both)
    assert found == [("GPU-2", 79), ("GPU-1", 31)]
    until(lambda: "processes" in reader.read().gpus[1].values)
    assert [reading.values["processes"] for reading in reader.read().gpus] == [2.0, 0.0]
    assert one.calls.count("nvmlDeviceGetComputeRunningProcesses") == 2  # rarely, however often it is read
    assert reader.processes() == {"GPU-1": (1, 2), "GPU-2": ()}
    reader.close()
    assert threading.active_count() == len([thread for thread in threading.enumerate() if thread.name != "gpu-events"])


def test_events_and_processes_that_are_denied_are_states():
    one = driver(Board("GPU-1"))
    one.refuse("nvmlDeviceRegisterEvents", "NVML_ERROR_NO_PERMISSION")
    one.refuse("nvmlDeviceGetComputeRunningProcesses", "NVML_ERROR_NO_PERMISSION")
    reader = NvmlReader(one, watch=True)
    until(lambda: {"xid_denied", "processes_denied"} <= set(reader.read().gpus[0].states))
    reader.close()


def test_a_gpu_carries_the_labels_of_its_replica_and_an_instance_those_of_its_board():
    readings = (
        GpuReading("GPU-1", {"power_watts": 300.0}, states=("ok", "clock_hertz_denied"), counters={("ecc_errors_total", "corrected"): 1.0}),
        GpuReading("GPU-1/3", {}),
        GpuReading("GPU-2", {}),
    )  # fmt: skip
    found = gpu.canonical(Machine("ok", readings), service="chat", region="eu", replicas={"GPU-1": "chat-0"})
    one = {"service": "chat", "region": "eu", "replica": "chat-0", "gpu": "GPU-1"}
    assert found == {
        series("tailwatch_gpu_power_watts", **one): 300.0,
        series("tailwatch_gpu_ecc_errors_total", **one, reason="corrected"): 1.0,
        series("tailwatch_gpu_state", **one, state="ok"): 1.0,
        series("tailwatch_gpu_state", **one, state="clock_hertz_denied"): 1.0,
        series("tailwatch_gpu_state", **{**one, "gpu": "GPU-1/3"}, state="ok"): 1.0,
        series("tailwatch_gpu_state", **{**one, "replica": "unjoined", "gpu": "GPU-2"}, state="ok"): 1.0,
    }


@pytest.mark.parametrize(
    ("bits", "reasons"),
    [(0, ()), (0x1 | 0x2, ()), (0x4, ("power_cap",)), (0x40 | 0x8, ("hardware_slowdown", "hardware_thermal"))],
)
def test_idle_and_chosen_clocks_are_no_throttling(bits, reasons):
    assert throttle_reasons(bits) == reasons


def test_samples_become_means_of_whole_seconds_and_a_second_under_way_waits():
    seconds = Seconds()
    assert seconds.add([(10 + at / 6, float(at >= 3)) for at in range(6)]) == ()
    assert seconds.add([(11.0, 1.0), (11.5, 1.0), (12.0, 0.0)]) == (0.5, 1.0)


@pytest.mark.parametrize(
    ("kind", "member", "value"), [(at, member, at + 1.0) for at, member in enumerate(fields.MEMBERS)]
)
def test_a_field_s_raw_answer_is_what_its_structure_says(kind, member, value):
    found = (pynvml.c_nvmlFieldValue_t * 2)()
    found[1].valueType, found[1].nvmlReturn = kind, 15
    setattr(found[1].value, member, value if member == "dVal" else int(value))
    (_, ok, _), (told, error, raw) = fields.answers(found)
    assert (ok, told, error, fields.number(told, raw)) == (0, kind, 15, value)
