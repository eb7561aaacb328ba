from __future__ import annotations

import math

import pytest

from probes.latency import RecentLatency, quantile


@pytest.mark.parametrize(
    ("cumulative", "q", "expected"),
    [
        ({0.1: 90, 0.2: 100, math.inf: 100}, 0.95, 0.15),
        ({0.1: 100, 0.2: 100, math.inf: 100}, 0.5, 0.05),
        ({0.1: 0, 0.2: 0, math.inf: 100}, 0.95, 0.2),
        ({0.1: 0, math.inf: 0}, 0.95, None),
        ({}, 0.95, None),
    ],
)
def test_a_quantile_lies_linearly_within_its_bucket(cumulative, q, expected):
    assert quantile(cumulative, q) == (None if expected is None else pytest.approx(expected))


def page(fast: float, slow: float) -> dict[float, float]:
    """Cumulative buckets: requests at 0.05 s and at 0.15 s per token."""
    return {0.1: fast, 0.2: fast + slow, math.inf: fast + slow}


def test_the_p95_is_of_increments_summed_over_replicas():
    recent = RecentLatency()
    for replica, slow in (("a", 0.0), ("b", 20.0)):
        recent.add(now=0, service="chat", replica=replica, buckets=page(1000, 0))
        recent.add(now=15, service="chat", replica=replica, buckets=page(1090, slow))
    assert recent.p95("chat", now=15) == pytest.approx(0.15)  # 180 fast, 20 slow
    assert recent.p95("code", now=15) is None


def test_the_first_page_is_a_baseline_and_old_increments_leave():
    recent = RecentLatency()
    recent.add(now=0, service="chat", replica="a", buckets=page(5, 5))
    assert recent.p95("chat", now=0) is None
    recent.add(now=10, service="chat", replica="a", buckets=page(5, 6))
    assert recent.p95("chat", now=10) == pytest.approx(0.195)
    assert recent.p95("chat", now=310) is None


def test_after_a_restart_everything_it_has_is_new():
    recent = RecentLatency()
    recent.add(now=0, service="chat", replica="a", buckets=page(100, 0))
    recent.add(now=10, service="chat", replica="a", buckets=page(0, 10))
    assert recent.p95("chat", now=10) == pytest.approx(0.195)
