"""Quantiles with their bracket, shares at a bound, gauges from three counters."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sloengine.rollups.windows import (
    GaugeWindow,
    HistogramIncrement,
    count_within,
    gauge_window,
    merge,
    quantile,
    share_within,
)  # fmt: skip

INF = math.inf


def histogram(bounds: tuple[float, ...], counts: tuple[float, ...], total: float = 0.0) -> HistogramIncrement:
    return HistogramIncrement(bounds, counts, total, counts[-1])


@pytest.mark.parametrize(
    ("counts", "q", "expected"),
    [
        ((90, 100, 100), 0.95, (0.15, 0.1, 0.2)),  # half way into the second bucket
        ((100, 100, 100), 0.5, (0.05, 0.0, 0.1)),  # the first bucket begins at 0
        ((90, 90, 100), 0.95, (0.2, 0.2, INF)),  # beyond the last bound: at least that
        ((0, 0, 0), 0.95, None),
        ((95, 100, 100), 0.95, (0.1, 0.0, 0.1)),  # exactly at a bound
        ((0, 0, 4), 0.5, (0.2, 0.2, INF)),
        ((10, 9, 12), 1.0, (0.2, 0.2, INF)),  # counts that fall are lifted
    ],
)
def test_a_quantile_and_the_bucket_it_lies_in(
    counts: tuple[float, ...], q: float, expected: tuple[float, ...] | None
) -> None:
    found = quantile(histogram((0.1, 0.2, INF), counts), q)
    assert (found and (found.value, found.low, found.high)) == (expected and pytest.approx(expected))


def test_without_buckets_there_is_no_quantile() -> None:
    assert quantile(HistogramIncrement((), (), 12.0, 3.0), 0.95) is None


def test_q_is_a_ratio() -> None:
    with pytest.raises(ValueError, match=r"q is 95, expected 0..1"):
        quantile(histogram((INF,), (1,)), 95)


@settings(deadline=None)
@given(st.lists(st.floats(0.001, 20), min_size=1, max_size=200), st.floats(0.01, 1))
def test_the_true_quantile_lies_in_the_bracket(values: list[float], q: float) -> None:
    bounds = (0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, INF)
    counts = tuple(float(sum(value <= bound for value in values)) for bound in bounds)
    found = quantile(histogram(bounds, counts), q)
    true = sorted(values)[math.ceil(q * len(values) - 1e-9) - 1]
    assert found is not None
    assert found.low < true <= found.high


def test_a_share_is_known_at_a_bound_only() -> None:
    one = histogram((0.1, 0.25, INF), (90, 99, 100))
    assert (count_within(one, 0.25), share_within(one, 0.25)) == (99, 0.99)
    assert (count_within(one, 0.3), share_within(one, 0.3)) == (None, None)
    assert share_within(histogram((0.1, INF), (0, 0)), 0.1) is None


def test_where_bounds_differ_only_common_ones_are_answered() -> None:
    whole = merge([histogram((0.1, 0.25, INF), (5, 8, 10), 1.0), histogram((0.25, 0.5, INF), (3, 4, 5), 2.0)])
    assert whole == HistogramIncrement((0.25, INF), (11, 15), 3.0, 15.0)


def test_bounds_of_one_without_events_do_not_count() -> None:
    idle, busy = histogram((0.3, INF), (0, 0)), histogram((0.1, 0.25, INF), (5, 8, 10))
    assert merge([idle, busy]) == busy
    assert merge([]) is None


def test_mean_of_a_histogram() -> None:
    assert HistogramIncrement((), (), 12.0, 3.0).mean == 4.0
    assert HistogramIncrement((), (), 0.0, 0.0).mean is None


@settings(deadline=None)
@given(st.lists(st.floats(-1e3, 1e3), min_size=1, max_size=50))
def test_a_gauge_is_three_counters(values: list[float]) -> None:
    window = gauge_window(len(values), sum(values), sum(value * value for value in values))
    mean = sum(values) / len(values)
    assert window.mean == pytest.approx(mean, abs=1e-6)
    assert window.stdev == pytest.approx(math.sqrt(sum((v - mean) ** 2 for v in values) / len(values)), abs=0.02)


def test_a_gauge_that_was_not_read_has_no_mean() -> None:
    assert gauge_window(0, 0, 0) == GaugeWindow(0, None, None)
