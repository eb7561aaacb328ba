"""The agent's loop in virtual time, over a transport that answers from memory."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Future

import pytest

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
