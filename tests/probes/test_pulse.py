"""Gauges believed only beside a counter that moves: hangs, idle engines, restarts."""

from __future__ import annotations

import pytest

from probes.config import Target
from probes.exposition import Parser, Samples
from probes.pulse import Pulse
from probes.replica import Translator
from tests.probes.fixtures import VLLM, captured

CHAT = Target("chat-0", "http://chat-0/metrics", "chat", model="m", version="1", region="eu")


class Engine:
    """One engine scraped every 15 s: what its page and the pages before it say together."""

    def __init__(self) -> None:
        self.translator, self.now = Translator(CHAT), 0.0
        self.pulse = Pulse(self.translator.labels)

    def scraped(self, *, running=0.0, waiting=0.0, tokens=0.0, kv=0.0, start: float | None = 100.0) -> dict[str, float]:
        self.now += 15
        page = (
            f"vllm:num_requests_running {running}\nvllm:num_requests_waiting {waiting}\n"
            f"vllm:generation_tokens_total {tokens}\nvllm:kv_cache_usage_perc {kv}\n"
        ) + (f"process_start_time_seconds {start}\n" if start is not None else "")
        return self.read(page)

    def read(self, page: str) -> dict[str, float]:
        samples = self.translator.canonical(Parser().parse(page))
        self.pulse.read(now=self.now, samples=samples, made=self.translator.made)
        return told(samples)


def told(samples: Samples) -> dict[str, float]:
    return {
        (one.label("state") or one.name.removeprefix("tailwatch_")): value
        for one, value in samples.items()
        if one.name.startswith(("tailwatch_engine", "tailwatch_kv"))
    }


def states(found: dict[str, float]) -> set[str]:
    known = ("serving", "idle", "hanging", "blocked", "cannot_tell", "kv_stale")
    return {state for state in known if found[state]}


def test_an_engine_that_generates_serves():
    engine = Engine()
    engine.scraped(running=2, tokens=10)
    found = engine.scraped(running=2, tokens=20, kv=0.9)
    assert states(found) == {"serving"}
    assert (found["engine_stalled_seconds"], found["kv_cache_ratio"]) == (0.0, 0.9)


@pytest.mark.parametrize(("running", "waiting", "state"), [(2, 0, "hanging"), (2, 5, "hanging"), (0, 1, "blocked")])
def test_requests_and_no_token_for_a_minute_are_a_hang_though_no_histogram_shows_it(running, waiting, state):
    engine = Engine()
    engine.scraped(running=2, tokens=10)
    seconds = [engine.scraped(running=running, waiting=waiting, tokens=10)["engine_stalled_seconds"] for _ in range(3)]
    assert seconds == [15.0, 30.0, 45.0]
    found = engine.scraped(running=running, waiting=waiting, tokens=10)
    assert states(found) == {state}
    assert states(engine.scraped(running=running, waiting=waiting, tokens=11)) == {"serving"}


def test_requests_that_have_only_just_come_to_an_idle_engine_are_no_hang():
    engine = Engine()
    for _ in range(20):
        engine.scraped(tokens=10)
    assert engine.scraped(running=1, tokens=10)["engine_stalled_seconds"] == 15.0
    assert engine.scraped(running=1, tokens=12)["engine_stalled_seconds"] == 0.0


def test_a_full_cache_on_an_idle_engine_is_stale_and_no_pressure():
    engine = Engine()
    engine.scraped(running=8, tokens=10, kv=0.99)
    assert engine.scraped(tokens=20, kv=0.99)["kv_cache_ratio"] == 0.99  # it did move since
    found = engine.scraped(tokens=20, kv=0.99)  # after a mass cancel
    assert states(found) == {"idle", "kv_stale"}
    assert "kv_cache_ratio" not in found
    assert engine.scraped(running=1, tokens=20, kv=0.99)["kv_cache_ratio"] == 0.99


def test_an_empty_cache_on_an_idle_engine_is_shown():
    engine = Engine()
    engine.scraped(tokens=10)
    found = engine.scraped(tokens=10)
    assert (states(found), found["kv_cache_ratio"]) == ({"idle"}, 0.0)


def test_restarts_are_seen_by_the_start_time_even_where_counters_passed_their_old_value():
    engine = Engine()
    engine.scraped(tokens=10, start=100.0)
    assert engine.scraped(tokens=10, start=100.4)["engine_restarts_total"] == 0.0  # rounded anew
    assert engine.scraped(tokens=500, start=160.0)["engine_restarts_total"] == 1.0
    assert engine.scraped(tokens=510, start=160.0)["engine_restarts_total"] == 1.0


def test_without_a_start_time_created_serves_and_without_both_a_fall():
    page = (
        "vllm:num_requests_running 1\nvllm:generation_tokens_total {tokens}\nvllm:generation_tokens_created {created}\n"
    )
    engine = Engine()
    engine.read(page.format(tokens=10, created=100.0))
    assert engine.read(page.format(tokens=900, created=200.0))["engine_restarts_total"] == 1.0
    bare = Engine()
    bare.scraped(tokens=10, start=None)
    assert bare.scraped(tokens=3, start=None)["engine_restarts_total"] == 1.0


def test_a_label_that_is_born_later_is_no_restart():
    page = 'vllm:num_requests_running 1\nvllm:request_success_created{finished_reason="stop"} 100\nvllm:generation_tokens_total 1\n'
    later = 'vllm:request_success_created{finished_reason="abort"} 900\n'
    success = 'vllm:request_success_total{finished_reason="stop"} 1\n'
    engine = Engine()
    engine.read(page + success)
    assert engine.read(page + success + later)["engine_restarts_total"] == 0.0


def test_a_real_vllm_page_without_its_process_family_starts_when_its_counters_were_made():
    page = "\n".join(line for line in captured(VLLM).splitlines() if not line.startswith("process_"))
    samples = Translator(CHAT).canonical(Parser().parse(page))
    (start,) = [value for one, value in samples.items() if one.name == "tailwatch_process_start_seconds"]
    assert start == pytest.approx(1795322689.04, abs=0.01)


def test_an_engine_that_tells_too_little_is_not_judged():
    assert states(Engine().read("vllm:num_requests_running 1\n")) == {"cannot_tell"}


def test_a_clock_that_is_set_back_makes_no_hang():
    engine = Engine()
    engine.scraped(running=1, tokens=10)
    engine.now -= 3600
    assert engine.scraped(running=1, tokens=10)["engine_stalled_seconds"] == 0.0
