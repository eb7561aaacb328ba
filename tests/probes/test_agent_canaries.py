"""When the agent asks canaries, and what their answers add, in virtual time."""

from __future__ import annotations

import pytest

from probes.agent import Agent
from probes.canary import Completion
from probes.config import Canary, ProbeConfig, Target
from probes.exposition import series
from tests.probes.test_agent import CANARY, CHAT, PROMPTS, START, Held, Memory, agent, page


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
