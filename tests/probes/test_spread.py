"""GPU utilisation variance (R1): the spread of one GPU and the imbalance of a group."""

from __future__ import annotations

import pytest

from probes.exposition import series
from probes.spread import Moments, SpreadWindow

ONE = (("gpu", "GPU-1"), ("region", "eu"), ("replica", "chat-0"), ("service", "chat"))


def of(labels, gpu: str, replica: str = "chat-0"):
    return tuple(sorted({**dict(labels), "gpu": gpu, "replica": replica}.items()))


@pytest.mark.parametrize(
    ("utilisation", "points"),
    [
        ([0.9, 0.6, 0.9, 0.6, 0.9, 0.6], 15.0),
        ([0.0, 0.12, 0.0, 0.12, 0.06], 5.366563145999495),  # idle at 6 +- 6 %: far from 15 points
        ([1.0] * 20, 0.0),
        ([0.9, 0.1], None),
    ],
)
def test_the_spread_is_a_standard_deviation_in_percentage_points(utilisation, points):
    window = SpreadWindow()
    window.add(now=0, labels=ONE, measure="utilisation", values=utilisation, requests_run=True)
    found = window.samples(now=1)
    one = series("tailwatch_gpu_utilisation_spread_points", **dict(ONE), reason="utilisation")
    assert found == ({} if points is None else {one: pytest.approx(points, abs=1e-6)})


def test_the_spread_is_of_five_minutes_and_of_moments_when_requests_ran():
    window = SpreadWindow()
    window.add(now=0, labels=ONE, measure="utilisation", values=(0.0,), requests_run=False)
    for at, busy in enumerate([0.9, 0.6, 0.9, 0.6, 0.9, 0.6], 1):
        window.add(now=at * 15, labels=ONE, measure="utilisation", values=(busy,), requests_run=True)
    assert list(window.samples(now=90).values()) == [pytest.approx(15.0)]
    assert window.samples(now=391) == {}


def test_readings_of_a_clock_that_was_ahead_are_dropped_when_it_is_set_back():
    moments = Moments()
    moments.add(now=10_000, values=(0.0,))
    moments.add(now=100, values=(1.0,))
    assert moments.of_window(100) == (1, 1.0, 0.0)


def test_memory_is_bounded_however_often_it_is_read():
    moments = Moments()
    for at in range(10_000):
        moments.add(now=at / 100, values=(0.5,))
    assert moments.of_window(100.0)[0] == 300


def group(window: SpreadWindow, measure: str, *means: float) -> None:
    for at, mean in enumerate(means):
        window.add(now=0, labels=of(ONE, f"GPU-{at}"), measure=measure, values=(mean,) * 5, requests_run=True)


def imbalance(window: SpreadWindow) -> dict[str, float]:
    return {
        one.label("reason") or "": value
        for one, value in window.samples(now=1).items()
        if one.name == "tailwatch_gpu_imbalance_points"
    }


def test_ranks_that_spin_at_100_percent_are_told_apart_by_their_activity():
    window = SpreadWindow()
    group(window, "utilisation", 1.0, 1.0, 1.0, 1.0)
    assert imbalance(window) == {"utilisation": 0.0}
    group(window, "sm_activity", 0.71, 0.70, 0.72, 0.40)
    assert imbalance(window) == {"sm_activity": pytest.approx(32.0)}


def test_an_activity_that_one_gpu_of_the_group_lacks_compares_nothing():
    window = SpreadWindow()
    group(window, "utilisation", 1.0, 0.5)
    group(window, "tensor_activity", 0.3)
    assert imbalance(window) == {"utilisation": pytest.approx(50.0)}


def test_gpus_of_no_replica_and_a_replica_of_one_gpu_have_no_imbalance():
    window = SpreadWindow()
    for name in ("GPU-7", "GPU-8"):
        window.add(now=0, labels=of(ONE, name, "unjoined"), measure="utilisation", values=(0.1,) * 5, requests_run=True)
    group(window, "utilisation", 0.5)
    assert imbalance(window) == {}


def test_tensor_activity_has_no_spread_since_prefill_and_decode_differ_by_nature():
    window = SpreadWindow()
    group(window, "tensor_activity", 0.6)
    assert window.samples(now=1) == {}
