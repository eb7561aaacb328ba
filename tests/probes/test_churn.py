"""A probe that runs for months: targets come and go, clocks jump, and nothing grows or stands still."""

from __future__ import annotations

from collections.abc import Sized
from dataclasses import replace

import pytest

from probes.agent import Agent
from probes.canary import CanaryTally, Completion, labels
from probes.config import ProbeConfig, Target
from probes.exposition import Parser, Samples, series
from probes.gpu import GpuReading, Machine
from tests.probes.test_agent import CANARY, CHAT, OWN, START, Memory, page


class Churning(Memory):
    """A fleet whose replicas all have new names at each look, each with a GPU's page."""

    generation = 0

    def discover(self, url: str) -> list[Target]:
        self.generation += 1
        names = [f"chat-{self.generation}-{at}" for at in range(2)]
        return [
            target
            for name in names
            for target in (
                Target(name, f"http://{name}", "chat"),
                Target(f"gpu-{name}", f"http://gpu-{name}", "chat", kind="gpu"),
            )
        ]

    def scrape(self, target: Target) -> Samples:
        if target.kind == "gpu":
            return Parser().parse(
                f'DCGM_FI_DEV_GPU_UTIL{{UUID="{target.name}"}} 50\nDCGM_FI_DEV_XID_ERRORS{{UUID="{target.name}"}} 0\n'
            )
        return Parser().parse(page())


def test_memory_does_not_grow_with_the_targets_that_ever_were():
    config = ProbeConfig(targets_url="http://fleet", gpu="off", scrape_interval_seconds=300)
    one = Agent(config, Churning(), started=START)
    sizes: list[int] = []
    for look in range(16):  # eight hours apart, so that what is forgotten after a day is
        one.tick(START + 28_800 * look)
        cards, tally = one._cards, one._tally
        kept: list[Sized] = [
            one.page(),
            tally._values,
            cards._known,
            cards._faults._gpus,
            one._serving.stalled,
            one._serving._latency._last,
        ]
        sizes.append(sum(len(part) for part in kept))
    assert max(sizes[8:]) <= max(sizes[:8])


@pytest.mark.parametrize("jump", [-86_400.0, -5.0, 86_400.0, 3e8])
def test_a_clock_that_jumps_delays_nothing_and_invents_nothing(jump):
    memory = Memory(**{"chat-0": page(running=2, tokens=5)})
    one = Agent(ProbeConfig(targets=(CHAT,), canaries=(CANARY,), gpu="off"), memory, started=START)
    one.tick(START)
    one.tick(START + 15)
    asked = len(memory.asked)
    memory.pages["chat-0"] = page(running=2, tokens=6)
    one.tick(START + 15 + jump)
    found = one.page()
    assert found[series("tailwatch_generated_tokens_total", **OWN)] == 6.0
    assert found[series("tailwatch_engine_state", **OWN, state="serving")] == 1.0
    assert len(memory.asked) == asked + 1
    assert one.next_due() <= START + 15 + jump + 30


def test_a_machine_that_slept_says_what_its_gpus_are_now():
    class Cards:
        def read(self) -> Machine:
            return Machine("ok", (GpuReading("GPU-1", {"power_watts": 300.0}),))

    one = Agent(ProbeConfig(gpu="on"), Memory(), started=START, gpus=Cards())
    one.tick(START)
    one.tick(START + 40_000)
    assert [found.label("gpu") for found in one.samples() if found.name == "tailwatch_gpu_power_watts"] == ["GPU-1"]


def test_canaries_of_replicas_that_ever_were_do_not_grow_and_those_that_stay_keep_counting():
    tally, kept = CanaryTally(), []
    here = replace(CANARY, replica="stays")
    for day in range(10):
        for asked in (here, replace(CANARY, replica=f"chat-{day}")):
            own = labels(asked, asked.prompts[0], ())
            tally.asked(labels=own, now=86_400.0 * day)
            tally.add(labels=own, completion=Completion("ok", "hi", (0.1, 0.2), prompt_tokens=1))
        kept.append(len(tally.tally.samples()))
    assert kept[9] == kept[2]
    mine = [value for one, value in tally.tally.samples().items()
            if one.name == "tailwatch_canary_requests_total" and one.label("replica") == "stays" and value]  # fmt: skip
    assert mine == [10.0]
