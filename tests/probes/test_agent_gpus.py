"""What the agent makes of GPUs, of this machine and of an exporter's page, beside what engines say."""

from __future__ import annotations

import pytest

from probes import gpu
from probes.exposition import series
from tests.probes.test_agent import CARD, CHAT, OWN, START, Memory, agent, dcgm, page


def test_the_spread_of_a_gpu_counts_while_its_service_runs_requests():
    memory = Memory(**{"chat-0": page(running=2), "card": dcgm(90)})
    one = agent(memory, CHAT, CARD)
    gpu_labels = {"service": "chat", "replica": "chat-0", "region": "eu", "gpu": "GPU-1"}
    for at, busy in enumerate([90, 60, 90, 60, 90, 60]):
        memory.pages["card"] = dcgm(busy)
        one.tick(START + 15 * at)
    assert one.samples()[
        series("tailwatch_gpu_utilisation_spread_points", **gpu_labels, reason="utilisation")
    ] == pytest.approx(15.0)
    memory.pages["chat-0"] = page(running=0)
    for at in range(6, 30):
        one.tick(START + 15 * at)
    assert series("tailwatch_gpu_utilisation_spread_points", **gpu_labels, reason="utilisation") not in one.samples()


def test_a_change_of_the_latest_xid_is_an_event_and_the_first_look_is_none():
    memory = Memory(card=dcgm(0, xid=31))
    one = agent(memory, CARD)
    for at, xid in enumerate([31, 31, 79, 79, 0, 79]):
        memory.pages["card"] = dcgm(0, xid)
        one.tick(START + 15 * at)
    assert {
        one.label("reason"): value for one, value in one.samples().items() if one.name == "tailwatch_gpu_xid_total"
    } == {"79": 2.0}


class Cards:
    def __init__(self, machine: gpu.Machine | Exception) -> None:
        self.machine = machine

    def read(self) -> gpu.Machine:
        if isinstance(self.machine, Exception):
            raise self.machine
        return self.machine


def test_this_machine_s_gpus_join_their_replica_and_throttled_time_adds_up():
    reading = gpu.GpuReading("GPU-1", {"utilisation_ratio": 0.5}, throttled=("power_cap",))
    one = agent(
        Memory(**{"chat-0": page()}),
        CHAT,
        gpus=Cards(gpu.Machine("ok", (reading,))),
        gpu_service="chat",
        gpu_region="eu",
    )
    one.tick(START)
    one.tick(START + 15)
    own = {"service": "chat", "replica": "chat-0", "region": "eu", "gpu": "GPU-1"}
    assert one.samples()[series("tailwatch_gpu_utilisation_ratio", **own)] == 0.5
    assert one.samples()[series("tailwatch_gpu_throttled_seconds_total", **own, reason="power_cap")] == 15.0


@pytest.mark.parametrize(("machine", "state"), [(gpu.Machine("no_driver"), "no_driver"), (OSError("gone"), "failed")])
def test_no_gpu_and_a_driver_that_breaks_are_states(machine, state):
    one = agent(Memory(), gpus=Cards(machine))
    one.tick(START)
    assert [one.label("state") for one in one.samples() if one.name == "tailwatch_gpu_state"] == [state]


def test_a_gpu_that_is_busy_while_its_replica_generates_nothing_hangs():
    memory = Memory(**{"chat-0": page(running=2), "card": dcgm(100)})
    one = agent(memory, CHAT, CARD)
    for at in range(6):
        one.tick(START + 15 * at)
    found = {one.label("reason"): value for one, value in one.samples().items() if "fault" in one.name}
    assert found == {"hang": 3.0}
    assert one.samples()[series("tailwatch_engine_state", **OWN, state="hanging")] == 1.0
    memory.pages["chat-0"] = page(running=2, tokens=9)
    one.tick(START + 90)
    one.tick(START + 105)
    assert not [one for one in one.samples() if "fault" in one.name]
