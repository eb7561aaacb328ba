"""Histograms and spans that senders push: added up, bounded, refused where they are none; and the documentation's client."""

from __future__ import annotations

import gzip
import json
import math
import socket
import sys
import time
from pathlib import Path

import httpx
import pytest

from probes import shape
from probes.config import load
from probes.exposition import series
from probes.listener import PortTaken
from probes.otlp import LIMIT_BYTES, MISSING, OtlpMissing, OtlpStore
from probes.receivers import Receivers
from probes.streams import Point, Streams
from tests.probes.servers import serving, stream
from tests.probes.test_clientside import START, attributor, short


def point(
    *counts: float, total: float = 1.0, sender: str = "a", start: float = START + 1, delta: bool = False, **more
) -> Point:
    return Point("d", (("model", "m"),), sender, more.get("bounds", (0.5,)), counts, total, start, delta)


def test_senders_add_up_restart_and_leave_without_a_counter_running_backwards():
    streams = Streams(started=START)
    for now, one in enumerate(
        [
            point(2, 1, total=1.0), point(3, 1, total=1.5), point(4, 4, total=9, sender="b"),
            point(1, 0, total=0.1, start=START + 50),  # a restarted
            point(9, 9, total=5, sender="old", start=START - 5), point(10, 9, total=5.2, sender="old", start=START - 5),
            point(1, 1, total=2, sender="c", delta=True), point(1, 1, total=2, sender="c", delta=True),
        ]
    ):  # fmt: skip
        streams.add(one, now=float(now))
    found = streams.samples()
    labels = {"model": "m"}
    assert found[series("d_bucket", **labels, le="0.5")] == 3 + 4 + 1 + 1 + 2
    assert found[series("d_count", **labels)] == found[series("d_bucket", **labels, le="+Inf")] == 4 + 8 + 1 + 1 + 4
    assert found[series("d_sum", **labels)] == pytest.approx(1.5 + 9 + 0.1 + 0.2 + 4)


def test_points_of_other_bounds_no_numbers_and_too_many_streams_are_left_out_and_counted(monkeypatch):
    monkeypatch.setattr("probes.streams.LIMIT", 2)
    streams = Streams(started=START)
    for sender in ("a", "b", "c"):
        streams.add(point(1, 1, sender=sender), now=0.0)
    streams.add(point(1, 1, bounds=(0.25,)), now=0.0)
    streams.add(point(1, 1, 1), now=0.0)
    streams.add(point(1, 1, total=math.nan), now=0.0)
    assert streams.dropped == {"past_limit": 1, "other_bounds": 2, "not_a_number": 1}
    streams.add(point(1, 1, sender="c"), now=4000.0)
    assert streams.samples()[series("d_count", model="m")] == 6.0


# The receiver.

CONFIG = """
gpu: off
otlp:
  listen: 127.0.0.1:0
  service: chat
  services: {code-frontend: code}
  region: eu
  %s
attribution: {tenant: {attributes: [tenant.id]}}
"""


@pytest.fixture
def receivers():
    running: list[Receivers] = []

    def start(more: str = "") -> Receivers:
        running.append(Receivers(load(CONFIG % more, file="probes.yaml"), started=START))
        return running[-1]

    yield start
    for one in running:
        one.close()


def url(one: Receivers) -> str:
    assert one.otlp is not None
    return one.otlp.url


def post(to: str, body: bytes, **headers: str) -> httpx.Response:
    headers.setdefault("content_type", "application/x-protobuf")
    return httpx.post(to, content=body, headers={k.replace("_", "-"): v for k, v in headers.items()}, trust_env=False)


def values(**told) -> list[dict]:
    kinds = {str: "stringValue", float: "doubleValue", int: "intValue"}
    return [{"key": key.replace("__", "."), "value": {kinds[type(one)]: one}} for key, one in told.items()]


def traces(*found: dict, service: str = "x") -> bytes:
    scope = [{"spans": list(found)}]
    return json.dumps(
        {"resourceSpans": [{"resource": {"attributes": values(service__name=service)}, "scopeSpans": scope}]}
    ).encode()


def otlp_span(seconds: float = 1.0, **told) -> dict:
    told = {"gen_ai__operation__name": "chat", "gen_ai__request__model": "m", **told}
    ends = {"startTimeUnixNano": "1000000000", "endTimeUnixNano": str(int(1e9 + seconds * 1e9))}
    return {"name": "x", "kind": 3, **ends, "attributes": values(**told)}


def metrics(
    count: int, *, start: float = START + 5, name: str = "gen_ai.client.operation.duration", temporality: int = 2
) -> bytes:
    from opentelemetry.proto.collector.metrics.v1 import metrics_service_pb2

    request = metrics_service_pb2.ExportMetricsServiceRequest()
    metric = request.resource_metrics.add().scope_metrics.add().metrics.add(name=name, unit="s")
    metric.histogram.aggregation_temporality = temporality  # type: ignore[assignment]
    one = metric.histogram.data_points.add(
        count=count,
        sum=0.5 * count,
        bucket_counts=[count, 0],
        explicit_bounds=[0.64],
        start_time_unix_nano=int(start * 1e9),
    )
    for key, value in (
        ("gen_ai.operation.name", "chat"),
        ("gen_ai.request.model", "m"),
        ("tenant.id", "web"),
        ("user.id", "u"),
    ):
        one.attributes.add(key=key).value.string_value = value
    return request.SerializeToString()


def test_spans_come_by_json_and_by_protobuf_and_count_by_service_and_tenant(receivers):
    one = receivers()
    assert (
        post(f"{url(one)}/v1/traces", traces(otlp_span(tenant__id="web")), content_type="application/json").json() == {}
    )
    packed = gzip.compress(traces(otlp_span(gen_ai__usage__input_tokens=5000.0), service="code-frontend"))
    assert (
        post(f"{url(one)}/v1/traces", packed, content_type="application/json", content_encoding="gzip").status_code
        == 200
    )
    found = one.samples()
    own = {"model": "m", "version": "unknown", "region": "eu"}
    assert found[series("tailwatch_client_requests_total", **own, service="chat", tenant="web", outcome="ok")] == 1.0
    assert (
        found[series("tailwatch_client_requests_total", **own, service="code", tenant="unknown", outcome="ok")] == 1.0
    )
    assert found[series("tailwatch_client_e2e_seconds_count", **own, service="code", slice="16k")] == 1.0


def test_metrics_count_answers_where_the_config_says_so_and_keep_no_user(receivers):
    one = receivers("answers: metrics")
    for count in (3, 7):
        assert post(f"{url(one)}/v1/metrics", metrics(count)).status_code == 200
    post(f"{url(one)}/v1/traces", traces(otlp_span()), content_type="application/json")
    own = {"model": "m", "version": "unknown", "region": "eu", "service": "chat"}
    found = one.samples()
    assert found[series("tailwatch_client_requests_total", **own, tenant="web", outcome="ok")] == 7.0
    assert found[series("tailwatch_client_e2e_seconds_sum", **own)] == 3.5
    assert found[series("tailwatch_client_e2e_seconds_bucket", **own, le="0.64")] == 7.0
    assert "u" not in {value for key in found for _, value in key.labels}


def test_where_spans_count_answers_metrics_do_not_count_them_again_but_a_server_s_do_count(receivers):
    one = receivers()
    post(f"{url(one)}/v1/metrics", metrics(3))
    post(f"{url(one)}/v1/metrics", metrics(3, name="gen_ai.server.time_to_first_token"))
    post(f"{url(one)}/v1/metrics", metrics(3, name="http.server.duration"))
    names = {key.name for key in one.samples()}
    assert names == {f"tailwatch_ttft_seconds_{part}" for part in ("bucket", "sum", "count")}


@pytest.mark.parametrize(
    ("path", "body", "headers", "status"),
    [
        ("/v1/metrics", b"\xff\xff\xff", {}, 400),
        ("/v1/traces", b"{", {"content_type": "application/json"}, 400),
        ("/v1/traces", b'{"resourceSpans": 3}', {"content_type": "application/json"}, 400),
        ("/v1/traces", b"[" * 100_000, {"content_type": "application/json"}, 400),
        ("/v1/logs", b"", {}, 404),
        ("/v1/traces", b"", {"content_type": "text/plain"}, 415),
        ("/v1/traces", b"x", {"content_encoding": "br"}, 415),
        ("/v1/traces", b"x", {"content_encoding": "gzip"}, 400),
        ("/v1/traces", gzip.compress(bytes(LIMIT_BYTES + 10)), {"content_encoding": "gzip"}, 413),
        ("/v1/traces", bytes(LIMIT_BYTES + 1), {}, 413),
    ],
)
def test_a_message_that_is_none_is_refused_and_changes_nothing(receivers, path, body, headers, status):
    one = receivers()
    try:
        assert post(f"{url(one)}{path}", body, **headers).status_code == status
    except httpx.WriteError:
        assert status == 413  # it hung up on what it would not read
    assert one.samples() == {}


def test_a_body_that_ends_early_or_never_comes_is_refused(receivers, monkeypatch):
    monkeypatch.setattr("probes.otlp._Handler.timeout", 0.2)
    one = receivers()
    assert one.otlp is not None
    head = b"POST /v1/traces HTTP/1.1\r\nContent-Type: application/x-protobuf\r\nContent-Length: 10\r\n\r\nabc"
    for ends, status in ((True, b" 400 "), (False, b" 408 ")):
        with socket.create_connection(one.otlp.server_address[:2], timeout=5) as sender:
            sender.sendall(head)
            if ends:
                sender.shutdown(socket.SHUT_WR)
            assert status in sender.recv(100)
    assert one.samples() == {}


def test_a_sender_without_the_token_is_refused(receivers, tmp_path: Path):
    (tmp_path / "token").write_text("s3\n")
    one = receivers(f"token_file: {tmp_path}/token")
    to = f"{url(one)}/v1/traces"
    assert post(to, b"").status_code == 401
    assert post(to, b"", authorization="Bearer s4").status_code == 401
    assert post(to, b"", authorization="Bearer s3").status_code == 200


def test_without_the_extra_one_sentence_says_what_to_install(monkeypatch):
    for name in [one for one in sys.modules if one.startswith("opentelemetry")]:
        monkeypatch.setitem(sys.modules, name, None)
    otlp = load(CONFIG % "", file="probes.yaml").otlp
    assert otlp is not None
    with pytest.raises(OtlpMissing) as problem:
        OtlpStore(otlp, attributor(), started=START)
    assert str(problem.value) == MISSING


def test_an_address_that_is_taken_names_its_key(receivers):
    one = receivers()
    port = url(one).rpartition(":")[2]
    with pytest.raises(PortTaken, match=r"otlp\.listen"):
        Receivers(load(CONFIG.replace(":0", f":{port}") % "", file="probes.yaml"), started=START)


def test_the_client_of_the_documentation_is_seen(receivers, monkeypatch):
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
    page = (Path(__file__).parents[2] / "docs" / "client-side.md").read_text("utf-8")
    example = page.partition("```python\n")[2].partition("```")[0]
    assert len(example.splitlines()) <= 12
    one = receivers()
    with serving(v1__chat__completions=stream("Hel", "lo")) as engine:
        code = example.replace("http://127.0.0.1:4318", url(one)).replace("http://127.0.0.1:8000", engine.url)
        begun = time.perf_counter()
        exec(compile(code, "example", "exec"), {})
    found = short(one.samples())
    assert found["client_requests_total web ok"] == 1.0
    assert 0 < found["client_ttft_seconds_sum 1k"] <= found["client_e2e_seconds_sum 1k"] < time.perf_counter() - begun


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("otlp: {listen: 127.0.0.1:1}", "otlp.service"),
        ("otlp: {listen: here, service: a}", "address:port"),
        ("otlp: {service: a, answers: both}", "one of spans, metrics"),
        ("access_logs: [{path: a}]", "a text"),
        ("access_logs: [{path: a, service: b, fields: {ttft: [c]}}]", "only status"),
    ],
)
def test_a_wrong_section_is_refused(text, expected):
    with pytest.raises(shape.ShapeError) as problem:
        load(text, file="probes.yaml")
    assert expected in str(problem.value)
