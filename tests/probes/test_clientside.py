"""Requests as their callers saw them: spans, OpenTelemetry metrics and access logs, into slices, tenants and outcomes."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from probes import accesslog, attribution, requests, shape, spans
from probes.attribution import Attributor
from probes.clientside import AccessLog
from probes.config import ProbeConfig, load
from probes.exposition import Samples, series
from probes.receivers import Receivers
from probes.requests import Seen
from probes.spans import Span
from probes.tail import LONGEST_LINE, Tail

MAP = "{tenant: {attributes: [tenant.id], headers: [x-tenant]}, tag: {attributes: [feature], headers: [x-feature]}}"
START = 1_000_000.0
LOG = AccessLog("access.jsonl", "chat", model="m", region="eu")


def attributor(text: str = MAP) -> Attributor:
    return Attributor(attribution.load(shape.read(text, file="a")))


def short(samples: Samples) -> dict[str, float]:
    out: dict[str, float] = {}
    for one, value in samples.items():
        more = [one.label(name) for name in ("tenant", "tag", "slice", "outcome", "reason", "le")]
        key = " ".join([one.name.removeprefix("tailwatch_"), *(one for one in more if one)])
        out[key] = out.get(key, 0) + value
    return out


# Spans.


def span(operation: str = "chat", *, seconds: float = 2.0, **more) -> Span:
    attributes = {"gen_ai.operation.name": operation, "gen_ai.request.model": "m", **more.pop("attributes", {})}
    return Span(attributes, seconds, **more)


def test_a_span_is_an_answer_with_its_slice_tenant_and_tag():
    one = span(
        attributes={
            "gen_ai.usage.input_tokens": 900, "gen_ai.usage.output_tokens": 41, "tenant.id": "web", "feature": "search",
            "gen_ai.response.time_to_first_chunk": 0.4, "user.id": "someone",
        }
    )  # fmt: skip
    seen = spans.seen(one, service="chat", region="eu", attributor=attributor())
    assert seen == Seen(
        service="chat", seconds=2.0, first_seconds=0.4, prompt_tokens=900.0, generated_tokens=41.0, model="m",
        region="eu", tenant="web", tag="search",
    )  # fmt: skip
    tally = requests.RequestTally()
    tally.add(seen)
    found = short(tally.samples())
    assert found["client_requests_total web search ok"] == 1.0
    assert found["client_requests_total web search error"] == 0.0
    assert found["client_ttft_seconds_bucket 1k 0.4"] == 1.0
    assert found["client_ttft_seconds_bucket 1k 0.3"] == 0.0
    assert found["client_per_token_seconds_sum 1k"] == pytest.approx(0.04)
    assert (found["client_prompt_tokens_total web search"], found["client_generated_tokens_total web search"]) == (
        900,
        41,
    )


@pytest.mark.parametrize(
    ("one", "what", "outcome"),
    [
        (span("chat", attributes={"error.type": "openai.RateLimitError"}), "answer", "rejected"),
        (span("chat", attributes={"error.type": "APITimeoutError"}), "answer", "timeout"),
        (span("chat", attributes={"error.type": "503"}), "answer", "rejected"),
        (span("chat", failed=True), "answer", "error"),
        (span("retrieval"), "retrieval", "ok"),
        (Span({"openinference.span.kind": "RERANKER"}, 0.1), "reranking", "ok"),
        (Span({"openinference.span.kind": "LLM"}, 0.1), "answer", "ok"),
        (span("embeddings"), None, "ok"),
        (span("chat", kind=spans.SERVER), None, "ok"),
        (Span({}, 1.0), None, "ok"),
    ],
)
def test_what_a_span_is_and_how_it_ended(one, what, outcome):
    assert spans.what(one) == what
    if what is not None:
        assert spans.seen(one, service="chat", region="eu", attributor=attributor()).outcome == outcome


def test_of_an_answer_within_an_answer_the_outer_counts_and_retrieval_counts_beside_it():
    outer, inner = span(ident=b"1"), span(ident=b"2", parent=b"1")
    step = Span({}, 1.0, ident=b"3", parent=b"1")
    deep, retrieval = span(ident=b"4", parent=b"3"), span("retrieval", ident=b"5", parent=b"1")
    loop = [span("embeddings", ident=b"6", parent=b"7"), span("embeddings", ident=b"7", parent=b"6"), span(parent=b"6")]
    assert spans.outermost([inner, step, deep, retrieval, outer]) == [retrieval, outer]
    assert spans.outermost(loop) == [loop[2]]


def test_the_first_token_may_be_an_event():
    one = span(events=(("start", 0.0), ("First Token Stream Event", 0.3)))
    assert spans.seen(one, service="chat", region="eu", attributor=attributor()).first_seconds == 0.3


@pytest.mark.parametrize(
    ("tokens", "name"),
    [(0, "256"), (256, "256"), (257, "1k"), (5000, "16k"), (10**6, "over-64k"), (None, "length-unknown")],
)
def test_slices_of_prompt_length(tokens, name):
    assert requests.prompt_slice(tokens) == name


def test_times_that_cannot_be_are_left_out():
    tally = requests.RequestTally()
    for seconds in (-1.0, math.inf, 1e9):
        tally.add(Seen("chat", seconds=seconds, first_seconds=seconds, generated_tokens=-3))
    found = short(tally.samples())
    assert found["client_requests_total unknown ok"] == 3.0
    assert not [name for name in found if name.startswith(("client_e2e", "client_ttft", "client_generated"))]


def test_whose_requests_are_is_bounded_and_still_adds_up(monkeypatch):
    monkeypatch.setattr("probes.requests.LIMIT", 3)
    tally = requests.RequestTally()
    for number in range(10):
        tally.add(Seen("chat", tenant=f"t-{number}", tag="a"))
    found = short(tally.samples())
    assert found["client_requests_total other other ok"] == 7.0
    assert sum(value for name, value in found.items() if name.endswith(" ok")) == 10.0


def test_a_model_s_name_is_no_address():
    assert attributor().shown("model", "llama@2026.11") == "llama@2026.11"
    assert attributor().shown("tenant", "someone@example.org") == "unknown"


# Access logs.


def line(**more) -> bytes:
    return json.dumps({"path": "/v1/chat/completions?x=1", "response_code": 200, "duration": 1800, **more}).encode()


def test_a_line_of_envoy_s_and_one_of_nginx_s_are_answers():
    (one,) = accesslog.read(
        line(ttft_ms=240, usage={"prompt_tokens": 900, "completion_tokens": "41"}, headers={"X-Tenant": "web"}),
        LOG,
        attributor(),
    )
    assert one == Seen(
        "chat", seconds=1.8, first_seconds=0.24, prompt_tokens=900.0, generated_tokens=41.0, model="m", region="eu",
        tenant="web", tag="unknown",
    )  # fmt: skip
    nginx = b'{"uri": "/v1/completions", "status": "499", "request_time": "0.5", "x_tenant": "sk-abcdefghij"}'
    (two,) = accesslog.read(nginx, LOG, attributor())
    assert (two.outcome, two.seconds, two.tenant) == ("aborted", 0.5, "unknown")


def test_retrieval_and_reranking_times_stand_beside_the_answer_and_other_paths_are_left_out():
    found = accesslog.read(line(retrieval_ms=40, rerank_ms=15.5), LOG, attributor())
    assert [(one.what, one.seconds) for one in found] == [("answer", 1.8), ("retrieval", 0.04), ("reranking", 0.0155)]
    assert accesslog.read(b'{"path": "/health", "response_code": 200}', LOG, attributor()) == ()
    assert accesslog.read(b'{"msg": "started"}', LOG, attributor()) == ()


@pytest.mark.parametrize("broken", [b"{", b"[]", b"3", b"\xff\xfe", b"[" * 100_000, b'"text"'])
def test_a_line_that_is_no_object_says_so(broken):
    with pytest.raises(accesslog.NotALine):
        accesslog.read(broken, LOG, attributor())


JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["usage", "headers", "status", "path"]), inner)
    ),
    max_leaves=6,
)
NAMES = st.sampled_from(
    ["status", "response_code", "duration", "usage", "headers", "path", "prompt_tokens", "x-tenant", "model"]
)


@given(st.dictionaries(NAMES, JSON, max_size=6))
@settings(max_examples=80, deadline=None)
def test_no_line_breaks_the_reader(found):
    tally = requests.RequestTally()
    for one in accesslog.read(json.dumps(found).encode(), AccessLog("x", "chat"), attributor()):
        tally.add(one)
    assert all(math.isfinite(value) for value in tally.samples().values())


def test_a_file_is_followed_through_rotation_truncation_and_endless_lines(tmp_path: Path):
    file = tmp_path / "access.jsonl"
    file.write_bytes(b"before\n")
    tail = Tail(str(file))
    assert list(tail.lines()) == []
    with file.open("ab") as more:
        more.write(b"one\n\ntwo\nthr")
    assert list(tail.lines()) == [b"one", b"two"]
    with file.open("ab") as more:
        more.write(b"ee\n")
    assert list(tail.lines()) == [b"three"]
    file.rename(tmp_path / "access.1")
    with pytest.raises(FileNotFoundError):
        list(tail.lines())
    file.write_bytes(b"four\n")
    assert list(tail.lines()) == [b"four"]
    file.write_bytes(b"")
    assert list(tail.lines()) == []
    file.write_bytes(b"x" * (LONGEST_LINE + 1))
    assert list(tail.lines()) == []
    with file.open("ab") as more:
        more.write(b"x\nfive\n")
    assert list(tail.lines()) == [b"five"]
    assert tail.too_long == 1


def test_a_log_that_is_missing_or_broken_is_shown_and_comes_back(tmp_path: Path):
    file = tmp_path / "access.jsonl"
    config = load(f"access_logs: [{{path: '{file}', service: chat}}]\ngpu: off\n", file="probes.yaml")
    receivers = Receivers(ProbeConfig(), started=START)
    assert receivers.samples() == {}
    receivers.close()
    (one,) = Receivers(ProbeConfig(access_logs=config.access_logs), started=START).logs
    own = {"service": "chat", "region": "unknown", "replica": "access_log-0"}
    one.poll()
    assert one.samples()[series("tailwatch_exporter_up", **own)] == 0.0
    file.write_bytes(b"")
    one.poll()
    file.write_bytes(line(model="m") + b"\n{\n" + line(response_code=429, model="m") + b"\n")
    one.poll()
    found = one.samples()
    assert found[series("tailwatch_exporter_up", **own)] == 1.0
    assert found[series("tailwatch_probe_values_dropped_total", **own, reason="not_json")] == 1.0
    told = {"service": "chat", "model": "m", "version": "unknown", "region": "unknown", "tenant": "unknown"}
    assert found[series("tailwatch_client_requests_total", **told, outcome="ok")] == 1.0
    assert found[series("tailwatch_client_requests_total", **told, outcome="rejected")] == 1.0
