"""The agent's loop in virtual time, over a transport that answers from memory."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Future

import pytest

from probes import gpu
from probes.agent import Agent, ScrapeFailed
from probes.canary import Completion
from probes.config import Canary, ProbeConfig, Target
from probes.exposition import MalformedExposition, Parser, Samples, series
from probes.prompts import Prompt
from tests.probes.fixtures import LITELLM

START = 1_000_000.0
OWN = {"service": "chat", "model": "m", "version": "1", "replica": "chat-0", "region": "eu"}
CHAT = Target("chat-0", "http://chat-0", "chat", model="m", version="1", region="eu", gpus=("GPU-1",))
GATEWAY = Target("gateway", "http://gateway", "chat", kind="gateway", model="m", version="1", region="eu")
CARD = Target("card", "http://card", "chat", kind="gpu", region="eu")
PROMPTS = (Prompt("a", "A?", "short", ("It is A.",)), Prompt("b", "B?", "long"))
CANARY = Canary("chat", "http://chat", "m", PROMPTS, interval_seconds=10)


class Memory:
    """Pages and answers by name; an exception as a page is raised."""

    def __init__(self, **pages: str | Exception) -> None:
        self.pages: dict[str, str | Exception] = dict(pages)
        self.targets: Sequence[Target] | Exception = ()
        self.answer: Completion | Exception = Completion("ok", "It is A.", (0.1, 0.2, 0.4), 0.45)
        self.asked: list[str] = []

    def scrape(self, target: Target) -> Samples:
        page = self.pages[target.name]
        if isinstance(page, Exception):
            raise page
        return Parser().parse(page)

    def complete(self, canary: Canary, prompt: Prompt) -> Completion:
        self.asked.append(prompt.name)
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer

    def discover(self, url: str) -> Sequence[Target]:
        if isinstance(self.targets, Exception):
            raise self.targets
        return self.targets


def agent(memory: Memory, *targets: Target, **more) -> Agent:
    gpus = more.pop("gpus", None)
    more.setdefault("traffic_share", 1.0)
    return Agent(ProbeConfig(targets=targets, gpu="off", **more), memory, started=START, gpus=gpus)


def page(running: float = 1, tokens: float = 5, slow: float = 0) -> str:
    counts = {"0.1": 100, "0.2": 100 + slow, "+Inf": 100 + slow}
    return (
        f"vllm:num_requests_running {running}\nvllm:generation_tokens_total {tokens}\n"
        'vllm:request_success_total{finished_reason="stop"} 7\n'
    ) + "".join(
        f'vllm:request_time_per_output_token_seconds_bucket{{le="{le}"}} {count}\n' for le, count in counts.items()
    )


def test_scrapes_are_aligned_to_the_clock():
    memory = Memory(**{"chat-0": page(tokens=5)})
    one = agent(memory, CHAT)
    one.tick(START + 1)
    memory.pages["chat-0"] = page(tokens=6)
    assert one.next_due() == START + 5  # 1,000,005 is a multiple of 15
    one.tick(START + 4.9)
    assert one.samples()[series("tailwatch_generated_tokens_total", **OWN)] == 5.0
    one.tick(START + 5)
    assert one.samples()[series("tailwatch_generated_tokens_total", **OWN)] == 6.0


@pytest.mark.parametrize(
    ("failure", "reason"),
    [
        (ScrapeFailed("connect", "refused"), "connect"),
        (ScrapeFailed("timeout", "5 s"), "timeout"),
        (MalformedExposition(3, "x", "y"), "malformed"),
        (RuntimeError("a bug"), "internal"),
    ],
)
def test_a_target_that_goes_down_takes_its_values_with_it_and_comes_back(failure, reason):
    memory = Memory(**{"chat-0": page()})
    one = agent(memory, CHAT)
    one.tick(START)
    memory.pages["chat-0"] = failure
    one.tick(START + 15)
    found = one.samples()
    assert found[series("tailwatch_target_up", **OWN)] == 0.0
    assert series("tailwatch_generated_tokens_total", **OWN) not in found
    own = {"service": "chat", "replica": "chat-0", "region": "eu"}
    assert found[series("tailwatch_probe_scrape_failures_total", **own, reason=reason)] == 1.0
    memory.pages["chat-0"] = page(tokens=9)
    one.tick(START + 30)
    assert one.samples()[series("tailwatch_target_up", **OWN)] == 1.0
    assert one.samples()[series("tailwatch_generated_tokens_total", **OWN)] == 9.0
    assert one.problems == {}


def test_a_dead_engine_is_down_though_the_page_of_its_gpu_and_its_gateway_answer():
    memory = Memory(card=dcgm(0), gateway=LITELLM)
    memory.pages["chat-0"] = ScrapeFailed("connect", "refused")
    one = agent(memory, CHAT, Target("card", "http://card", "chat", kind="gpu", region="eu", replica="chat-0"), GATEWAY)
    one.tick(START)
    own = {"service": "chat", "region": "eu"}
    assert {
        one: value for one, value in one.samples().items() if one.name.endswith("er_up") or one.name.endswith("get_up")
    } == {
        series("tailwatch_target_up", **OWN): 0.0,
        series("tailwatch_exporter_up", **own, replica="card"): 1.0,
        series("tailwatch_exporter_up", **own, replica="gateway"): 1.0,
    }


def test_where_a_gateway_counts_requests_the_engine_s_count_is_left_out():
    one = agent(Memory(**{"chat-0": page(), "gateway": LITELLM}), CHAT, GATEWAY)
    one.tick(START)
    counted = {one.label("replica") for one in one.samples() if one.name == "tailwatch_requests_total"}
    assert counted == {"gateway"}


def test_a_new_version_and_a_new_replica_are_seen_without_a_restart():
    memory = Memory(**{"chat-0": page(), "chat-1": page()})
    memory.targets = (CHAT,)
    one = agent(memory, targets_url="http://fleet/targets")
    one.tick(START)
    memory.targets = (
        Target("chat-0", "http://chat-0", "chat", model="m", version="2", region="eu"),
        Target("chat-1", "http://chat-1", "chat"),
    )
    one.tick(START + 15)
    versions = {
        (one.label("replica"), one.label("version")) for one in one.samples() if one.name == "tailwatch_target_up"
    }
    assert versions == {("chat-0", "2"), ("chat-1", "unknown")}
    assert {one.label("replica") for one in one.samples() if one.name == "tailwatch_probe_scrape_failures_total"} == {
        "chat-0",
        "chat-1",
    }
    memory.targets = (CHAT,)
    one.tick(START + 20)
    assert {one.label("replica") for one in one.samples() if one.name == "tailwatch_probe_scrape_failures_total"} == {
        "chat-0"
    }
    memory.targets = ScrapeFailed("connect", "refused")
    one.tick(START + 35)
    assert one.targets == (CHAT,)
    assert (
        one.samples()[series("tailwatch_probe_scrape_failures_total", reason="connect", replica="targets_url")] == 1.0
    )


def test_canaries_are_asked_in_turn_and_measured_apart_from_traffic():
    memory = Memory(**{"chat-0": page()})
    one = agent(memory, CHAT, canaries=(CANARY,))
    for at in range(0, 31, 5):
        one.tick(START + at)
    assert memory.asked == ["a", "b", "a", "b"]
    own = {"service": "chat", "model": "m", "version": "1", "region": "eu", "slice": "short"}
    found = one.samples()
    assert found[series("tailwatch_canary_requests_total", **own, outcome="ok")] == 2.0
    assert found[series("tailwatch_canary_requests_total", **own, outcome="timeout")] == 0.0
    assert found[series("tailwatch_canary_ttft_seconds_bucket", **own, le="0.1")] == 2.0
    assert found[series("tailwatch_canary_inter_token_seconds_count", **own)] == 4.0
    assert found[series("tailwatch_canary_per_token_seconds_sum", **own)] == pytest.approx(0.3)
    assert found[series("tailwatch_canary_e2e_seconds_sum", **own)] == pytest.approx(0.9)
    assert found[series("tailwatch_answer_similarity_ratio", **own)] == 1.0
    assert found[series("tailwatch_answer_similarity_samples_total", **own)] == 2.0
    assert series("tailwatch_answer_similarity_ratio", **{**own, "slice": "long"}) not in found
    assert not [one for one in found if one.name.startswith("tailwatch_ttft")]


def test_a_canary_that_fails_counts_and_the_next_is_asked():
    memory = Memory(**{"chat-0": page()})
    memory.answer = RuntimeError("a bug")
    one = agent(memory, CHAT, canaries=(CANARY,))
    one.tick(START)
    one.tick(START + 10)
    failed = {
        one.label("slice"): value
        for one, value in one.samples().items()
        if one.label("outcome") == "error" and "canary" in one.name
    }
    assert failed == {"short": 1.0, "long": 1.0}


def similarity(one: Agent) -> dict[str | None, float]:
    return {
        one.label("version"): value
        for one, value in one.samples().items()
        if one.name == "tailwatch_answer_similarity_ratio"
    }


def test_the_similarity_shown_is_that_of_the_version_that_answers_now():
    memory = Memory(**{"chat-0": page()})
    memory.targets = (CHAT,)
    one = agent(
        memory,
        targets_url="http://fleet/targets",
        canaries=(Canary("chat", "http://chat", "m", PROMPTS[:1], interval_seconds=15),),
    )
    one.tick(START)
    assert similarity(one) == {"1": 1.0}
    memory.targets = (Target("chat-0", "http://chat-0", "chat", model="m", version="2", region="eu"),)
    memory.answer = Completion("ok", "It is B.", (0.1,), 0.2)
    one.tick(START + 15)
    assert set(similarity(one)) == {"2"}
    assert similarity(one)["2"] < 0.9


def test_a_similarity_that_no_answer_renews_is_taken_away_and_its_counters_stay():
    memory = Memory(**{"chat-0": page()})
    one = agent(memory, CHAT, canaries=(CANARY,))
    one.tick(START)
    memory.answer = Completion("timeout")
    for at in range(10, 200, 10):
        one.tick(START + at)
        assert (similarity(one) == {}) == (at > 120)
    assert [
        value for one, value in one.samples().items() if one.name == "tailwatch_answer_similarity_samples_total"
    ] == [1.0]


def test_after_a_pause_a_canary_is_asked_once_and_not_for_all_it_missed():
    memory = Memory(**{"chat-0": page()})
    one = agent(memory, CHAT, canaries=(CANARY,))
    for at in (0, 500, 501, 509, 510):
        one.tick(START + at)
    assert memory.asked == ["a", "b", "a"]


def test_where_p95_per_token_passes_130_ms_the_similarity_probe_runs_at_once_and_once():
    memory = Memory(**{"chat-0": page()})
    one = agent(memory, CHAT, canaries=(CANARY,), scrape_interval_seconds=1)
    one.tick(START)
    memory.pages["chat-0"] = page(slow=50)
    one.tick(START + 1)
    assert memory.asked == ["a", "a"]
    one.tick(START + 2)
    assert memory.asked == ["a", "a"]


def test_a_similarity_probe_that_meets_a_canary_under_way_waits_for_it():
    held, memory = Held(), Memory(**{"chat-0": page()})
    config = ProbeConfig(targets=(CHAT,), canaries=(CANARY,), gpu="off", scrape_interval_seconds=1)
    one = Agent(config, memory, started=START, executor=held)  # type: ignore[arg-type]
    one.tick(START)
    scrape, canary = held.work
    scrape()
    memory.pages["chat-0"] = page(slow=50)
    one.tick(START + 1)
    held.work[-1]()
    one.tick(START + 2)
    assert memory.asked == []
    canary()
    one.tick(START + 3)
    for work in held.work[4:]:
        work()
    assert memory.asked == ["a", "a"]


def test_a_clock_that_is_set_back_stops_nothing():
    memory = Memory(**{"chat-0": page(tokens=5)})
    one = agent(memory, CHAT, canaries=(CANARY,))
    one.tick(START)
    memory.pages["chat-0"] = page(tokens=6)
    one.tick(START - 3600)
    assert one.samples()[series("tailwatch_generated_tokens_total", **OWN)] == 6.0
    assert memory.asked == ["a", "b"]


def dcgm(busy: float, xid: int = 0) -> str:
    return f'DCGM_FI_DEV_GPU_UTIL{{UUID="GPU-1"}} {busy}\nDCGM_FI_DEV_XID_ERRORS{{UUID="GPU-1"}} {xid}\n'


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


class Held:
    """An executor that runs nothing until told."""

    def __init__(self) -> None:
        self.work: list = []

    def submit(self, work, /, *arguments, **more) -> Future:
        self.work.append(work)
        return Future()


def test_a_scrape_that_never_ends_is_a_timeout_and_is_not_sent_twice():
    held = Held()
    one = Agent(ProbeConfig(targets=(CHAT,), gpu="off"), Memory(**{"chat-0": page()}), started=START, executor=held)  # type: ignore[arg-type]
    one.tick(START)
    one.tick(START + 15)
    assert len(held.work) == 1
    assert one.samples()[series("tailwatch_target_up", **OWN)] == 0.0
    held.work[0]()
    assert one.samples()[series("tailwatch_target_up", **OWN)] == 1.0


def test_the_configuration_is_inventoried_by_field_and_hash():
    info = 'vllm:cache_config_info{block_size="16",engine="0",num_gpu_blocks="16384",sliding_window="None"} 1\n'
    one = agent(Memory(**{"chat-0": page() + info}), CHAT)
    one.tick(START)
    fields = {
        one.label("field"): one.label("value") for one in one.samples() if one.name == "tailwatch_config_field_info"
    }
    assert fields == {"block_size": "16"}
    (config,) = (one for one in one.samples() if one.name == "tailwatch_config_info")
    assert len(config.label("config_hash") or "") == 12


def test_the_probe_says_when_it_started():
    assert agent(Memory()).samples() == {series("tailwatch_probe_start_seconds"): START}


def test_a_replica_s_own_latency_is_on_the_page_and_a_dead_engine_has_none():
    memory = Memory(**{"chat-0": page()})
    one = agent(memory, CHAT)
    one.tick(START)
    memory.pages["chat-0"] = (
        "".join(f'vllm:time_to_first_token_seconds_bucket{{le="{le}"}} 100\n' for le in ("0.1", "0.25", "+Inf"))
        + "vllm:time_to_first_token_seconds_sum 20\nvllm:time_to_first_token_seconds_count 100\nvllm:num_requests_running 1\n"
    )
    one.tick(START + 15)
    memory.pages["chat-0"] = str(memory.pages["chat-0"]).replace(" 100", " 200").replace(" 20\n", " 34\n")
    one.tick(START + 75)
    mean = series("tailwatch_latency_mean_seconds", **OWN, reason="ttft")
    assert one.page()[mean] == pytest.approx(0.14)
    assert one.page()[series("tailwatch_latency_p95_high_seconds", **OWN, reason="ttft")] == 0.1
    assert mean not in one.samples()
    memory.pages["chat-0"] = ScrapeFailed("connect", "refused")
    one.tick(START + 90)
    assert mean not in one.page()


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
