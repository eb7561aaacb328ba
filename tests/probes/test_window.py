"""A replica's own latency over five minutes, and where its 95th percentile lies."""

from __future__ import annotations

import math

import pytest

from probes.config import Target
from probes.exposition import Parser
from probes.replica import Translator
from probes.window import LatencyWindow, Tail, tail
from tests.probes.fixtures import VLLM, VLLM_UNDER_LOAD, captured

CHAT = Target("chat-0", "http://chat-0/metrics", "chat", model="m", version="1", region="eu")


@pytest.mark.parametrize(
    ("bounds", "cumulative", "expected"),
    [
        ((0.3, 0.5, math.inf), (98, 100, 100), Tail(0.0, 0.3, None)),  # below the first bound: not invented
        ((0.1, 0.2, math.inf), (90, 100, 100), Tail(0.1, 0.2, 0.15)),
        ((0.1, 0.2, math.inf), (0, 0, 100), Tail(0.2, math.inf, None)),
        ((0.1, math.inf), (0, 0), None),
        ((), (), None),
    ],
)
def test_a_quantile_lies_between_bounds_and_is_a_figure_only_inside_them(bounds, cumulative, expected):
    found = tail(bounds, cumulative, 0.95)
    assert (found and (found.low, found.high)) == (expected and (expected.low, expected.high))
    assert (found and found.value) == pytest.approx(expected and expected.value)


class Replica:
    def __init__(self) -> None:
        self.translator = Translator(CHAT)
        self.window = LatencyWindow(self.translator.labels)

    def scraped(self, now: float, page: str) -> dict[str, float]:
        samples = self.translator.canonical(Parser().parse(page))
        made, plans = self.translator.made, self.translator.plans
        self.window.read(now=now, samples=samples, made=made, plans=plans)
        return {
            f"{one.name.removeprefix('tailwatch_latency_').removesuffix('_seconds')} {one.label('reason')}": value
            for one, value in self.window.samples.items()
            if not math.isnan(value)
        }


def queue(fast: float, slow: float) -> str:
    """Requests that waited for 0.02 s and for 0.4 s."""
    buckets = {"0.3": fast, "0.5": fast + slow, "+Inf": fast + slow}
    family = "vllm:request_queue_time_seconds"
    return (
        "vllm:num_requests_running 1\n"
        + "".join(f'{family}_bucket{{le="{le}"}} {count}\n' for le, count in buckets.items())
        + f"{family}_sum {0.02 * fast + 0.4 * slow}\n{family}_count {fast + slow}\n"
    )


def test_a_queue_below_the_first_bound_has_a_mean_and_a_bracket_and_no_p95():
    replica = Replica()
    assert replica.scraped(0, queue(1000, 1000)) == {}
    found = replica.scraped(60, queue(1100, 1000))
    assert found == {"mean queue": pytest.approx(0.02), "p95_low queue": 0.0, "p95_high queue": 0.3}


def test_a_queue_inside_a_bucket_has_all_four_and_they_are_of_five_minutes():
    replica = Replica()
    replica.scraped(0, queue(0, 0))
    for minute in range(1, 12):
        found = replica.scraped(60 * minute, queue(80 * min(minute, 6), 20 * min(minute, 6)))
        if minute == 6:
            assert found == {
                "mean queue": pytest.approx(0.096),
                "p95 queue": pytest.approx(0.3 + 0.2 * 15 / 20),
                "p95_low queue": 0.3,
                "p95_high queue": 0.5,
            }
    assert found == {}  # nothing ended in the last five minutes


def test_fewer_than_twenty_requests_have_a_mean_alone():
    replica = Replica()
    replica.scraped(0, queue(0, 0))
    assert replica.scraped(60, queue(10, 5)) == {"mean queue": pytest.approx((0.2 + 2) / 15)}


def test_between_looks_a_scrape_changes_nothing():
    replica = Replica()
    replica.scraped(0, queue(0, 0))
    first = replica.scraped(60, queue(100, 0))
    assert replica.scraped(75, queue(100, 900)) == first
    assert replica.scraped(120, queue(100, 900)) != first


def test_after_a_restart_all_that_it_has_is_new():
    replica = Replica()
    replica.scraped(0, queue(1000, 0))
    replica.scraped(60, queue(1100, 0))
    assert replica.scraped(120, queue(30, 0))["mean queue"] == pytest.approx(0.02)


def test_a_clock_that_is_set_back_starts_anew():
    replica = Replica()
    replica.scraped(1000, queue(0, 0))
    assert replica.scraped(0, queue(100, 0)) == {}
    assert replica.scraped(60, queue(200, 0))["mean queue"] == pytest.approx(0.02)


def test_a_real_vllm_between_two_scrapes():
    replica = Replica()
    empty = "\n".join(
        line if line.startswith("#") else f"{line.rpartition(' ')[0]} 0"
        for line in captured(VLLM_UNDER_LOAD).splitlines()
    )
    replica.scraped(0, empty)
    found = replica.scraped(60, captured(VLLM_UNDER_LOAD))
    assert found["mean queue"] == pytest.approx(153.8234884439994 / 182)
    assert found["mean ttft"] > 0
    assert found["p95_low per_token"] <= found["p95 per_token"] <= found["p95_high per_token"]
    assert replica.scraped(120, captured(VLLM)) is not None
