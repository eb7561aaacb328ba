from __future__ import annotations

import pytest

from probes import dialects
from probes.shape import ShapeError
from probes.signals import LABELS, SIGNALS

GOOD = """
name: tiny
title: A tiny engine
kind: engine
source: https://example.org
matches: [tiny_up]
signals:
  ttft_seconds: tiny_ttft
  requests_total: {from: tiny_done, reason: {label: why, map: {stop: ok, "5xx": error}, otherwise: timeout}}
"""


def test_every_shipped_dialect_loads_and_is_called_as_its_file():
    assert [dialect.name for dialect in dialects.shipped()] == [
        "business", "dcgm", "dynamo", "envoy", "litellm", "llamacpp", "nginx", "nim", "otel", "rayserve", "sglang", "tgi", "triton",
        "trtllm", "vllm",
    ]  # fmt: skip
    for dialect in dialects.shipped():
        assert set(dialect.gives()) <= set(SIGNALS)


def test_vllm_gives_every_signal_of_an_engine():
    (vllm,) = (dialect for dialect in dialects.shipped() if dialect.name == "vllm")
    assert len(vllm.gives()) == 20


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        ({"vllm:num_requests_running"}, ["vllm"]),
        ({"litellm_total_tokens_metric_total", "python_info"}, ["litellm"]),
        ({"DCGM_FI_DEV_FB_USED", "vllm:generation_tokens_total"}, ["vllm", "dcgm"]),
        ({"gen_ai_server_request_duration_count", "sglang:num_queue_reqs"}, ["sglang", "otel"]),
        ({"num_requests_running", "num_request_max"}, ["nim"]),
        ({"process_start_time_seconds"}, []),
    ],
)
def test_a_dialect_is_chosen_by_the_names_present(names, expected):
    assert [dialect.name for dialect in dialects.matching(names)] == expected


@pytest.mark.parametrize(
    ("status", "outcome"), [("stop", "ok"), ("503", "error"), ("5000", "timeout"), ("", "timeout")]
)
def test_a_reason_is_looked_up_by_value_then_by_class(status, outcome):
    rule = dialects.load(GOOD, file="tiny.yaml").rules[1]
    assert rule.reason is not None
    assert rule.reason.of(status) == outcome


@pytest.mark.parametrize(
    ("old", "new", "path", "expected"),
    [
        ("kind: engine", "kind: motor", "kind", "one of engine, gateway, gpu"),
        ("ttft_seconds: tiny_ttft", "ttft: tiny_ttft", "signals.ttft", "a name in probes.signals"),
        ("ttft_seconds: tiny_ttft", "ttft_seconds: 3", "signals.ttft_seconds", "a mapping"),
        ("ttft_seconds: tiny_ttft", "ttft_seconds: {from: a, unit: percent}", "signals.ttft_seconds.unit", "no unit on a histogram"),
        ("ttft_seconds: tiny_ttft", "kv_cache_ratio: {sum: a, count: b}", "signals.kv_cache_ratio", "a histogram alone"),
        ("ttft_seconds: tiny_ttft", "ttft_seconds: {from: a, where: {stage: {nor: b}}}", "signals.ttft_seconds.where.stage", "only not"),
        ("name: tiny", "name: tiny\nlike: {dialect: none, prefix: a, becomes: b}", "like.dialect", "a shipped dialect"),
        ("ttft_seconds: tiny_ttft", "kv_cache_ratio: {from: a, unit: furlongs}", "signals.kv_cache_ratio.unit", "one of percent"),
        ("ttft_seconds: tiny_ttft", "ttft_seconds: {form: a}", "signals.ttft_seconds", "only from"),
        ("ttft_seconds: tiny_ttft", "kv_cache_ratio: {from: a, labels: {tenant: t}}", "signals.kv_cache_ratio.labels", "only service"),
        ("ttft_seconds: tiny_ttft", "ttft_seconds: {from: a, reason: {always: b}}", "signals.ttft_seconds.reason", "else none"),
        ("ttft_seconds: tiny_ttft", "gpu_xid_total: a", "signals.gpu_xid_total.reason", "a reason where"),
        ("matches: [tiny_up]", "matches: []", "matches", "a list of texts"),
        ("stop: ok", "200: ok", "signals.requests_total.reason.map", "quote numbers"),
        ("name: tiny", "nam: tiny", "(whole file)", "only name"),
        ("name: tiny", "name: [", "line", "YAML"),
    ],
)  # fmt: skip
def test_a_wrong_dialect_is_refused_with_path_and_expectation(old, new, path, expected):
    with pytest.raises(ShapeError) as problem:
        dialects.load(GOOD.replace(old, new), file="tiny.yaml")
    assert str(problem.value).startswith("tiny.yaml: ")
    assert path in problem.value.path
    assert expected in problem.value.expected


def test_the_vocabulary_is_closed():
    for name, signal in SIGNALS.items():
        assert name == signal.name
        assert signal.family == f"tailwatch_{name}"
        assert set(signal.labels) <= set(LABELS)
        assert len({"outcome", "reason", "state"} & set(signal.labels)) <= 1
        assert (signal.kind == "counter") == name.endswith("_total")
        assert signal.meaning
