"""Pages and answers as nobody should send them: none of them costs another target a reading, or the probe its page."""

from __future__ import annotations

import json
import math
import socket
import threading
import urllib.request
from concurrent.futures import Executor, Future
from contextlib import ExitStack, suppress
from dataclasses import replace

import pytest

from probes import assertions, gpu, openai
from probes.agent import Agent, ScrapeFailed
from probes.assertions import Assertion
from probes.canary import Completion
from probes.cards import STALE_SECONDS
from probes.exporter import Exporter
from probes.exposition import Samples, series
from probes.latency import RecentLatency
from probes.prompts import Prompt
from probes.sse import BrokenStream
from probes.watchlist import REASONS
from tests.probes.fixtures import LITELLM
from tests.probes.test_agent import CANARY, CARD, CHAT, GATEWAY, START, Memory, agent, page


def up(watched: Agent) -> dict[str | None, float]:
    return {
        one.label("replica"): value for one, value in watched.samples().items() if one.name == "tailwatch_target_up"
    }


def tokens(samples: Samples) -> list[float]:
    return sorted(value for one, value in samples.items() if one.name == "tailwatch_tenant_tokens_total")


def test_two_gateways_of_one_service_are_told_apart() -> None:
    one = agent(Memory(gateway=LITELLM), GATEWAY)
    both = agent(Memory(gateway=LITELLM, second=LITELLM), GATEWAY, replace(GATEWAY, name="second"))
    one.tick(START)
    both.tick(START)
    assert tokens(one.samples())
    assert tokens(both.samples()) == sorted(tokens(one.samples()) * 2)


def test_a_bucket_without_a_bound_is_left_out() -> None:
    broken = page() + 'vllm:time_to_first_token_seconds_bucket{model_name="m"} 5\n'
    watched = agent(Memory(**{"chat-0": broken}), CHAT)
    watched.tick(START)
    assert up(watched) == {"chat-0": 1.0}


def test_one_bucket_that_is_no_number_does_not_blind_the_p95() -> None:
    recent = RecentLatency()
    for number in range(4):
        counts = {0.1: 100.0 * number, 0.2: 100.0 * number, math.inf: 100.0 * number}
        if number == 1:
            counts[0.1] = math.nan
        recent.add(now=15.0 * number, service="chat", replica="chat-0", buckets=counts)
    assert recent.p95("chat", now=50) == pytest.approx(0.095)


@pytest.mark.parametrize("code", ["NaN", "+Inf"])
def test_an_xid_that_is_no_number_is_no_event(code: str) -> None:
    memory = Memory(card='DCGM_FI_DEV_SM_CLOCK{UUID="GPU-1"} 1\nDCGM_FI_DEV_XID_ERRORS{UUID="GPU-1"} 0\n')
    watched = agent(memory, CARD)
    watched.tick(START)
    memory.pages["card"] = f'DCGM_FI_DEV_SM_CLOCK{{UUID="GPU-1"}} 1\nDCGM_FI_DEV_XID_ERRORS{{UUID="GPU-1"}} {code}\n'
    watched.tick(START + 15)
    assert not [one for one in watched.samples() if one.name == "tailwatch_gpu_xid_total"]


def test_an_answer_that_is_nested_without_end_breaks_its_assertion() -> None:
    assert not assertions.holds(Assertion("json", "$.a"), "[" * 200_000 + "]" * 200_000)


def test_an_answer_that_cannot_be_judged_costs_no_other_its_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> bool:
        raise MemoryError

    monkeypatch.setattr(assertions, "holds", broken)
    memory = Memory(**{"chat-0": page()})
    memory.answer = Completion("ok", "yes", (0.1, 0.2))
    prompt = Prompt("a", "A?", assertions=(Assertion("regex", "yes"),))
    watched = agent(memory, CHAT, canaries=(replace(CANARY, prompts=(prompt,)),))
    for number in range(3):
        watched.tick(START + 10 * number)
    assert len(memory.asked) == 3
    assert up(watched) == {"chat-0": 1.0}


def test_an_endless_answer_is_cut_off() -> None:
    reader = openai.Reader()
    chunk = b"data: " + json.dumps({"choices": [{"text": "x" * 1000}]}).encode() + b"\n\n"
    for _ in range(openai.LIMIT_BYTES // len(chunk)):
        reader.feed(chunk, at=0.1)
    with pytest.raises(BrokenStream, match="more than"):
        reader.feed(chunk, at=0.1)


def test_a_target_that_was_only_renamed_keeps_its_count_of_failures() -> None:
    memory = Memory(**{"chat-0": page()})
    memory.pages["other"] = ScrapeFailed("connect", "refused")
    memory.targets = (replace(CHAT, replica="r1"),)
    watched = agent(memory, targets_url="http://fleet/targets")
    watched.tick(START)
    watched.tick(START + 15)
    memory.targets = (replace(CHAT, name="other", replica="r1"),)
    for number in (2, 3, 4):
        watched.tick(START + 15 * number)
    failures = {one.label("reason"): v for one, v in watched.samples().items() if "scrape_failures" in one.name}
    assert failures == {**dict.fromkeys(REASONS, 0.0), "connect": 3.0}


class Stuck:
    """A driver that answers once, and then never again."""

    def __init__(self) -> None:
        self.calls = 0

    def read(self) -> gpu.Machine:
        self.calls += 1
        return gpu.Machine("ok", (gpu.GpuReading("GPU-1", {"utilisation_ratio": 0.5}),))


class Held(Executor):
    """An executor that runs what it is given until it is held, and nothing after that."""

    held = False

    def submit(self, work, /, *more, **named):
        if not self.held:
            work()
        return Future()


def test_a_driver_that_hangs_shows_no_old_values() -> None:
    executor = Held()
    watched = Agent(
        agent(Memory()).config,
        Memory(),
        started=START,
        executor=executor,
        gpus=Stuck(),
    )
    utilisation = series(
        "tailwatch_gpu_utilisation_ratio", gpu="GPU-1", region="unknown", replica="unjoined", service="unknown"
    )
    watched.tick(START)
    assert watched.samples()[utilisation] == 0.5
    executor.held = True
    watched.tick(START + STALE_SECONDS + 1)
    found = watched.samples()
    assert utilisation not in found
    assert [one.label("state") for one in found if one.name == "tailwatch_gpu_state"] == ["not_answering"]


def test_a_label_that_is_no_text_does_not_take_the_page_down() -> None:
    odd = {series("tailwatch_target_up", replica="half \ud800 a pair"): 1.0}
    with Exporter(host="127.0.0.1", port=0, samples=lambda: odd) as exporter:
        threading.Thread(target=exporter.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        with urllib.request.urlopen(f"{exporter.url}/metrics", timeout=5) as answer:
            assert b'replica="half ? a pair"' in answer.read()
        exporter.shutdown()


def test_connections_that_ask_nothing_take_no_more_than_their_share(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("probes.listener.CONNECTIONS", 3)
    with Exporter(host="127.0.0.1", port=0, samples=dict) as exporter, ExitStack() as idle:
        threading.Thread(target=exporter.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        address = "127.0.0.1", exporter.server_port
        held = [idle.enter_context(socket.create_connection(address, timeout=5)) for _ in range(3)]
        with socket.create_connection(address, timeout=5) as one_too_many:
            assert one_too_many.recv(1) == b""
        held[0].close()
        for _ in range(100):
            with suppress(OSError), urllib.request.urlopen(f"{exporter.url}/healthz", timeout=5) as answer:
                assert answer.read() == b"ok\n"
                break
        else:
            pytest.fail("the place of the connection that ended was not given on")
        exporter.shutdown()
