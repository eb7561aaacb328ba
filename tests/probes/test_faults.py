"""What is wrong with a GPU: hang, throttled, memory errors, XID, off the bus."""

from __future__ import annotations

import pytest

from probes import xid
from probes.cards import Cards
from probes.exposition import Samples, series
from probes.gpu import GpuReading, Machine

OWN = {"service": "chat", "region": "eu", "replica": "chat-0", "gpu": "GPU-1"}
REPLICAS = {"GPU-1": "chat-0"}


def cards() -> Cards:
    return Cards(service="chat", region="eu", started=0.0, interval_seconds=15)


def reading(*, states: tuple[str, ...] = ("ok",), counters=None, throttled=(), **values: float) -> GpuReading:
    return GpuReading("GPU-1", values, throttled, states, counters or {})


def told(one: Cards, now: float, reading: GpuReading, *, xids=(), stalled=None) -> None:
    machine = Machine("ok", (reading,), xids)
    one.machine(now=now, machine=machine, replicas=REPLICAS, requests_run=True, stalled=stalled or {})


def faults(one: Cards, now: float) -> dict[str, float]:
    return {
        found.label("reason") or "": value
        for found, value in one.samples(now=now).items()
        if found.name == "tailwatch_gpu_fault_severity"
    }


def test_a_healthy_gpu_has_no_fault():
    one = cards()
    told(one, 15, reading(utilisation_ratio=1.0, tensor_activity_ratio=0.5), stalled={"chat-0": 0.0})
    assert faults(one, 15) == {}


@pytest.mark.parametrize(
    ("values", "stalled", "hangs"),
    [
        ({"utilisation_ratio": 1.0}, 60.0, True),
        ({"utilisation_ratio": 1.0, "tensor_activity_ratio": 0.01}, 60.0, True),
        ({"utilisation_ratio": 1.0, "tensor_activity_ratio": 0.4}, 300.0, False),  # it does real work: a long prefill
        ({"utilisation_ratio": 1.0}, 45.0, False),
        ({"utilisation_ratio": 0.3}, 300.0, False),
        ({}, 300.0, False),
    ],
)
def test_a_hang_is_busy_and_no_tokens_for_a_minute(values, stalled, hangs):
    one = cards()
    told(one, 15, reading(**values), stalled={"chat-0": stalled})
    assert faults(one, 15) == ({"hang": 3.0} if hangs else {})


@pytest.mark.parametrize(("reason", "severity"), [("power_brake", 2.0), ("hardware_thermal", 2.0), ("power_cap", 1.0)])
def test_throttling_is_a_share_of_time_by_the_driver_s_own_counter(reason, severity):
    one = cards()
    held = 1000.0  # what it counted before this probe started is not today's
    for at in range(0, 600, 15):
        held += 3.0  # 20 % of the time
        told(one, at, reading(counters={("throttled_seconds_total", reason): held}))
    assert faults(one, 600) == {f"throttled_{reason}": severity}
    for at in range(600, 1200, 15):
        told(one, at, reading(counters={("throttled_seconds_total", reason): held}))
    assert faults(one, 1200) == {}


def test_a_moment_of_throttling_is_none_and_where_no_counter_measures_it_the_readings_do():
    one = cards()
    told(one, 15, reading(throttled=("hardware_slowdown",)))
    told(one, 30, reading())
    assert (
        one.samples(now=30)[series("tailwatch_gpu_throttled_seconds_total", **OWN, reason="hardware_slowdown")] == 15.0
    )
    assert faults(one, 30) == {}
    for at in range(45, 120, 15):
        told(one, at, reading(throttled=("hardware_slowdown",)))
    assert faults(one, 120) == {"throttled_hardware_slowdown": 2.0}


def test_a_machine_that_slept_was_not_throttled_all_night():
    one = cards()
    told(one, 15, reading(throttled=("power_cap",)))
    told(one, 40_000, reading(throttled=("power_cap",)))
    assert one.samples(now=40_000)[series("tailwatch_gpu_throttled_seconds_total", **OWN, reason="power_cap")] == 75.0


def test_memory_errors_that_grow_are_a_fault_for_an_hour_and_old_ones_are_none():
    one = cards()
    ecc = ("ecc_errors_total", "uncorrected")
    told(one, 0, reading(counters={ecc: 4.0}))
    assert faults(one, 0) == {}
    told(one, 15, reading(counters={ecc: 5.0}, row_remap_pending=1.0))
    assert faults(one, 15) == {"ecc_uncorrected": 3.0, "row_remap_pending": 1.0}
    for at in range(30, 3660, 30):
        told(one, at, reading(counters={ecc: 5.0}, row_remap_failed=1.0))
    assert faults(one, 3645) == {"row_remap_failed": 3.0}


def test_a_lost_gpu_is_off_the_bus_and_the_driver_s_own_advice_is_a_fault():
    one = cards()
    told(one, 0, reading(states=("lost",)))
    assert faults(one, 0) == {"off_bus": 3.0}
    told(one, 15, reading(states=("ok", "recovery_reset_gpu")))
    assert faults(one, 15) == {"recovery_reset_gpu": 3.0}


def test_xid_events_count_by_code_and_severity_and_a_first_one_is_an_increment():
    one = cards()
    told(one, 0, reading())
    by_severity = series("tailwatch_gpu_xid_by_severity_total", **OWN, reason="critical")
    assert one.samples(now=0)[by_severity] == 0.0
    told(one, 15, reading(), xids=(("GPU-1", 79), ("GPU-1", 31), ("GPU-1", 31)))
    found = one.samples(now=15)
    assert found[by_severity] == 1.0
    assert found[series("tailwatch_gpu_xid_total", **OWN, reason="31")] == 2.0
    assert faults(one, 15) == {"xid_79": 3.0, "xid_31": 1.0}
    for at in range(30, 3660, 30):
        told(one, at, reading())
    assert faults(one, 3645) == {}


@pytest.mark.parametrize(
    ("code", "severity"),
    [(48, "critical"), (74, "critical"), (79, "critical"), (95, "critical"), (119, "critical"), (149, "critical"),
     (94, "warning"), (13, "application"), (31, "application"), (43, "information"), (63, "information"), (99_999, "unlisted")],
)  # fmt: skip
def test_severities_are_those_that_nvidia_publishes(code, severity):
    assert xid.known(code).severity == severity
    assert xid.known(code).action


def test_no_code_stands_in_the_table_twice():
    assert len(xid.KNOWN) == sum(len(codes) for _, _, codes in xid._TABLE)


def page(**values: float) -> tuple[Samples, dict]:
    samples: Samples = {}
    for name, value in values.items():
        family, _, reason = name.partition("__")
        samples[series(f"tailwatch_gpu_{family}", **OWN, **({"reason": reason} if reason else {}))] = value
    made: dict = {}
    for one in samples:
        made[one.name] = (*made.get(one.name, ()), one)
    return samples, made


def test_a_page_of_an_exporter_gives_the_same_faults():
    one = cards()
    for at in range(0, 300, 15):
        samples, made = page(utilisation_ratio=1.0, throttled_seconds_total__thermal=at * 0.5)
        one.page(now=at, samples=samples, made=made, requests_run=True, stalled={"chat-0": 90.0})
    assert faults(one, 285) == {"hang": 3.0, "throttled_thermal": 2.0}
    assert faults(one, 2000) == {}  # a page that went away says nothing


def test_an_uneven_gpu_is_evidence_and_no_more():
    one = cards()
    for at in range(10):
        samples, made = page(utilisation_ratio=0.2 if at % 2 else 1.0)
        one.page(now=at * 15, samples=samples, made=made, requests_run=True)
    assert faults(one, 140) == {"uneven": 1.0}


def test_gpus_that_nobody_reads_any_more_are_forgotten():
    one = cards()
    for at in range(3):
        machine = Machine("ok", (GpuReading(f"GPU-{at}", {}),))
        one.machine(now=at * 100_000.0, machine=machine, replicas={}, requests_run=True)
    assert {found.label("gpu") for found in one.samples(now=200_000) if "xid" in found.name} == {"GPU-2"}
