"""Canaries that stay small: turns, budget, share of traffic, places, sleep, pods; in virtual time."""

from __future__ import annotations

from dataclasses import replace

import pytest

from probes import bounds
from probes.agent import Agent, ScrapeFailed
from probes.canary import Completion
from probes.config import Canary, ProbeConfig, Target
from probes.exposition import series
from probes.prompts import Prompt
from tests.probes.test_agent import START, Held, Memory, agent, page

ENGINES = tuple(
    Target(f"chat-{at}", f"http://10.0.0.{at}:8000/metrics", "chat", model="m", region="eu") for at in range(2)
)
PROMPTS = tuple(Prompt(f"{name}{at}", "?", name) for name in ("short", "code") for at in range(2))
CANARY = Canary("chat", "http://gateway", "m", PROMPTS, interval_seconds=10)


def memory() -> Memory:
    return Memory(**{"chat-0": page(), "chat-1": page()})


def skipped(one: Agent) -> dict[str, float]:
    found = one.samples()
    return {
        reason: found[series("tailwatch_canary_skipped_total", service="chat", reason=reason)]
        for reason in ("budget", "share", "concurrency", "asleep")
    }


def play(one: Agent, *, seconds: int, step: int = 10) -> None:
    for at in range(0, seconds, step):
        one.tick(START + at)


def test_slices_are_asked_in_turn():
    here = memory()
    play(agent(here, canaries=(CANARY,)), seconds=60)
    assert here.asked == ["short0", "code0", "short1", "code1", "short0", "code0"]


def test_a_slice_of_few_prompts_is_spread_over_the_round_of_many():
    prompts = tuple(
        Prompt(f"{name}{at}", "?", name) for name, size in (("short", 2), ("code", 6)) for at in range(size)
    )
    here = memory()
    play(agent(here, canaries=(replace(CANARY, prompts=prompts),)), seconds=80)
    assert [name[:-1] for name in here.asked] == ["code", "short", "code", "code", "code", "short", "code", "code"]


def test_a_budget_of_requests_a_minute_holds_for_all_canaries_together():
    here = memory()
    one = agent(here, canaries=(CANARY, replace(CANARY, interval_seconds=5)), requests_per_minute=2)
    play(one, seconds=600, step=5)
    assert len(here.asked) == 2 + 2 * 595 // 60  # a full bucket, and what came into it
    assert skipped(one)["budget"] == 60 + 120 - len(here.asked)


def test_canaries_take_one_percent_of_the_traffic_and_an_idle_service_still_gets_one_a_minute():
    """Each answer has 3 tokens: 1 % of 600 tokens a minute are two answers, of 0 tokens the floor of one."""
    for each_minute, answers in ((600, 2), (0, 1)):
        here, total = memory(), 0.0
        one = agent(here, *ENGINES[:1], canaries=(CANARY,), traffic_share=0.01)
        for at in range(0, 3600, 5):
            total += each_minute / 12
            here.pages["chat-0"] = page(tokens=total)
            one.tick(START + at)
        assert len(here.asked) / 60 == pytest.approx(answers, rel=0.15)
        assert skipped(one)["share"] > 100


def test_no_more_canaries_than_places_are_under_way():
    held = Held()
    others = tuple(replace(CANARY, service=name) for name in ("chat", "code", "batch"))
    one = Agent(ProbeConfig(canaries=others, canaries_at_once=2), memory(), started=START, executor=held)  # type: ignore[arg-type]
    one.tick(START)
    assert len(held.work) == 2
    assert one.next_due() == START + 1
    for work in list(held.work):
        work()
    one.tick(START + 1)
    assert len(held.work) == 3


def test_a_service_scaled_to_zero_is_not_woken():
    here = memory()
    here.targets = ENGINES
    one = agent(here, canaries=(CANARY,), targets_url="http://fleet/targets")
    one.tick(START)
    here.targets = ()
    one.tick(START + 15)
    one.tick(START + 30)
    assert here.asked == ["short0"]
    assert skipped(one)["asleep"] == 2
    here.targets = ENGINES
    one.tick(START + 45)
    one.tick(START + 60)
    assert here.asked == ["short0", "code0", "short1"]


def test_one_that_may_be_scaled_to_zero_is_asked_only_while_an_engine_is_up():
    here = memory()
    sleeping = replace(CANARY, scale_to_zero=True)
    one = agent(here, *ENGINES, canaries=(sleeping,))
    one.tick(START)
    assert here.asked == ["short0"]
    here.pages.update(dict.fromkeys(here.pages, ScrapeFailed("connect", "refused")))
    one.tick(START + 15)
    one.tick(START + 30)
    assert here.asked == ["short0"]
    dead = agent(here, *ENGINES, canaries=(CANARY,))
    play(dead, seconds=30)
    assert skipped(dead)["asleep"] == 0  # an outage is asked all the same


def test_pods_are_asked_in_turn_beside_the_gateway_and_keep_their_own_series():
    here, urls = memory(), []
    answer = here.complete

    def complete(canary: Canary, prompt: Prompt) -> Completion:
        urls.append((canary.url, canary.replica))
        return answer(canary, prompt)

    here.complete = complete  # type: ignore[method-assign]
    one = agent(here, *ENGINES, canaries=(replace(CANARY, per_replica=True),))
    play(one, seconds=20)
    assert urls == [
        ("http://gateway", ""),
        ("http://10.0.0.1:8000", "chat-1"),
        ("http://gateway", ""),
        ("http://10.0.0.0:8000", "chat-0"),
    ]
    counts = {
        one.label("replica"): value
        for one, value in one.samples().items()
        if one.name == "tailwatch_canary_requests_total"
        and one.label("outcome") == "ok"
        and one.label("slice") == "short"
    }
    assert counts == {None: 1.0, "chat-1": 1.0}


def test_a_service_that_rejects_is_asked_more_seldom_and_one_that_fails_is_not():
    for outcome, asked in (("rejected", 6), ("error", 31)):
        here = memory()
        here.answer = Completion(outcome, reason="status")
        play(agent(here, canaries=(CANARY,)), seconds=301)
        assert len(here.asked) == asked


def test_jitter_is_later_never_earlier_and_differs_between_canaries():
    found = [bounds.jitter(30.0, 0.1, at=at, round_=turn) for at in range(3) for turn in range(50)]
    assert all(0 <= one <= 3.0 for one in found)
    assert len({round(one, 6) for one in found}) == 150
    assert bounds.jitter(30.0, 0.0, at=1, round_=7) == 0.0


def test_what_a_canary_cost_and_how_it_went_is_counted():
    here = memory()
    here.answer = Completion(
        "ok", "a", (0.1, 0.2, 1.5), 1.6, tokens=3, finish_reason="length", prompt_tokens=7, phases=(("connect", 0.01),)
    )
    one = agent(here, canaries=(CANARY,))
    one.tick(START)
    here.answer = Completion("error", "", (0.1,), reason="stream_ended")
    one.tick(START + 10)
    found = one.samples()
    own = {"service": "chat", "model": "m", "version": "unknown", "region": "unknown"}

    def of(name: str, slice_: str, **labels: str) -> float:
        return found[series(f"tailwatch_canary_{name}", **own, slice=slice_, **labels)]

    assert (of("prompt_tokens_total", "short"), of("tokens_total", "short"), of("tokens_total", "code")) == (7, 3, 1)
    assert of("stalls_total", "short") == 1
    assert of("finished_total", "short", reason="length") == 1
    assert of("failures_total", "code", reason="stream_ended") == 1
    assert of("phase_seconds_bucket", "short", reason="connect", le="0.01") == 1


def test_the_similarity_probe_asks_a_few_of_each_slice_at_once():
    prompts = tuple(Prompt(f"{name}{at}", "?", name, ("A",)) for name in ("short", "code") for at in range(9))
    here = memory()
    one = agent(
        here,
        *ENGINES[:1],
        canaries=(replace(CANARY, prompts=prompts, interval_seconds=900),),
        scrape_interval_seconds=1,
    )
    one.tick(START)
    here.pages["chat-0"] = page(slow=50)
    one.tick(START + 1)
    assert sorted(here.asked[1:]) == ["code0", "code1", "code2", "short0", "short1", "short2"]


def burst(count: float, late: float) -> str:
    rows = {"0.25": count - late, "0.5": count, "+Inf": count}
    return page() + "".join(
        f'vllm:time_to_first_token_seconds_bucket{{le="{le}"}} {value}\n' for le, value in rows.items()
    )


def test_the_worst_and_the_busiest_ten_seconds_of_a_marked_service_are_shown_for_a_minute():
    here = Memory(**{"chat-0": burst(0, 0)})
    one = agent(here, ENGINES[0], bursts=("chat",))
    count = late = 0.0
    for at in range(200):
        if 20 <= at < 30:
            count, late = count + 50.0, late + 1.0
        elif 40 <= at < 50:
            count += 80.0
        else:
            count += 1.0
        here.pages["chat-0"] = burst(count, late)
        one.tick(START + at)
        if at == 60:
            found = one.samples()
            assert found[series("tailwatch_burst_requests", service="chat", state="worst")] == 500.0
            assert found[series("tailwatch_burst_over_250ms_requests", service="chat", state="worst")] == 10.0
            assert found[series("tailwatch_burst_requests", service="chat", state="busiest")] == 800.0
            assert found[series("tailwatch_burst_over_250ms_requests", service="chat", state="busiest")] == 0.0
            assert not [key for key in found if "300ms" in key.name]  # the source has no such bound
    assert one.samples()[series("tailwatch_burst_requests", service="chat", state="worst")] == 10.0
