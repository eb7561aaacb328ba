"""Exponential histograms: every count that is shown is exact, what cannot be told is left out and counted."""

from __future__ import annotations

import bisect
import math
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from probes import exponential
from probes.config import load
from probes.exponential import Exponential, TooCoarse
from probes.exposition import series
from probes.otlp import OtlpStore
from tests.probes.test_clientside import START, attributor

NAME = "gen_ai.client.operation.duration"
GRID = exponential.grid("gen_ai_client_operation_duration_seconds", factor=1.0)
BOUNDS = exponential.bounds(GRID, factor=1.0)


def packed(values: list[float], scale: int) -> Exponential:
    """As an SDK keeps them: (base^i, base^(i+1)]."""
    indices = [math.ceil(math.log2(value) * 2.0**scale) - 1 for value in values if value > 0]
    low = min(indices, default=0)
    counts = [indices.count(at) for at in range(low, max(indices, default=low) + 1)]
    return Exponential(scale, low, counts, below=sum(value <= 0 for value in values))


def test_bounds_are_those_of_the_objectives_where_they_coincide_and_else_the_two_around_them():
    assert {0.25, 0.5, 1.0, 2.0} <= set(BOUNDS)
    for wanted in (0.1, 0.13, 0.3):
        at = bisect.bisect(BOUNDS, wanted)
        assert BOUNDS[at - 1] < wanted < BOUNDS[at]
        assert BOUNDS[at] / BOUNDS[at - 1] == pytest.approx(2 ** (1 / 8))
    at = bisect.bisect(BOUNDS, 0.3)
    assert BOUNDS[at - 1 : at + 1] == pytest.approx((0.2973, 0.3242), abs=1e-4)
    milliseconds = exponential.bounds(exponential.grid("x", factor=1e-3), factor=1e-3)
    at = bisect.bisect(milliseconds, 0.25)
    assert milliseconds[at - 1] < 0.25 < milliseconds[at]  # 250 ms is no power of two of milliseconds


@given(st.lists(st.floats(1e-4, 100.0), max_size=40), st.integers(3, 9))
@settings(max_examples=120, deadline=None)
def test_what_is_counted_below_each_bound_is_what_lies_below_it(values, scale):
    values = [value for value in values if not any(math.isclose(value, bound, rel_tol=1e-9) for bound in BOUNDS)]
    found = exponential.counts(packed(values, scale), GRID)
    for at, bound in enumerate(BOUNDS):
        assert sum(found[: at + 1]) == sum(value <= bound for value in values)
    assert sum(found) == len(values)


def test_values_that_are_zero_lie_below_every_bound_and_too_coarse_a_histogram_is_refused():
    assert exponential.counts(Exponential(3, 0, [], below=4), GRID)[0] == 4
    with pytest.raises(TooCoarse):
        exponential.counts(Exponential(2, 0, [1]), GRID)
    with pytest.raises(TooCoarse):
        exponential.counts(Exponential(3, 0, [1], zero_threshold=0.5), GRID)
    assert exponential.counts(Exponential(-10, -3, [1, 2], below=3), ()) == (6.0,)


def message(values: list[float], scale: int, *, name: str = NAME, unit: str = "s", temporality: int = 2) -> bytes:
    from opentelemetry.proto.collector.metrics.v1 import metrics_service_pb2

    request = metrics_service_pb2.ExportMetricsServiceRequest()
    metric = request.resource_metrics.add().scope_metrics.add().metrics.add(name=name, unit=unit)
    data = metric.exponential_histogram
    data.aggregation_temporality = temporality  # type: ignore[assignment]
    one, kept = data.data_points.add(), packed(values, scale)
    one.count, one.sum, one.scale, one.zero_count = len(values), sum(values), scale, kept.below
    one.positive.offset = kept.offset
    one.positive.bucket_counts.extend(kept.counts)
    one.start_time_unix_nano = int((START + 5) * 1e9)
    for key, value in (
        ("gen_ai.operation.name", "chat"),
        ("gen_ai.request.model", "m"),
        ("gen_ai.token.type", "input"),
    ):
        one.attributes.add(key=key).value.string_value = value
    return request.SerializeToString()


def store() -> OtlpStore:
    config = load("gpu: off\notlp: {listen: '127.0.0.1:0', service: chat, answers: metrics}\n", file="probes.yaml").otlp
    assert config is not None
    return OtlpStore(config, attributor(), started=START)


OWN = {"model": "m", "version": "unknown", "region": "unknown", "service": "chat"}


def test_a_sender_whose_scale_falls_goes_on_and_its_sums_and_counts_are_whole():
    one, draw = store(), random.Random(5)
    values = [draw.lognormvariate(-1.2, 0.8) for _ in range(400)]
    for now, (upto, scale) in enumerate(((100, 8), (200, 5), (400, 3))):
        one.take("/v1/metrics", message(values[:upto], scale), as_json=False, now=float(now))
    found = one.samples()
    for bound in (0.25, 0.5, 2.0):
        assert found[series("tailwatch_client_e2e_seconds_bucket", **OWN, le=str(bound))] == sum(
            value <= bound for value in values
        )
    assert found[series("tailwatch_client_e2e_seconds_count", **OWN)] == 400
    assert found[series("tailwatch_client_e2e_seconds_sum", **OWN)] == pytest.approx(sum(values))
    assert sum(value for key, value in found.items() if key.name == "tailwatch_client_requests_total") == 400


def test_too_coarse_a_point_is_counted_and_a_count_of_tokens_needs_no_bounds():
    one = store()
    one.take("/v1/metrics", message([0.1, 9.0], 1), as_json=False, now=0.0)
    usage = message([900.0, 1e6, 3.0], 1, name="gen_ai.client.token.usage", unit="{token}")
    one.take("/v1/metrics", usage, as_json=False, now=1.0)
    found = one.samples()
    dropped = {key.label("reason"): value for key, value in found.items() if "dropped" in key.name}
    assert dropped == {"too_coarse": 1.0}
    assert [value for key, value in found.items() if key.name == "tailwatch_client_prompt_tokens_total"] == [
        1_000_903.0
    ]
