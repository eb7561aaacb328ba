"""The Prometheus source: how it asks, what it makes of answers, and a real server against a recorded history."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import pytest

from probes.exposition import series
from sloengine.catalog.models import Service
from sloengine.collect import services
from sloengine.collect.models import MetricSource
from sloengine.collect.services.reading import Due, read_all
from sloengine.objectives.asked import Asked
from sloengine.rollups import queries
from sloengine.sources import recorded
from sloengine.sources.base import Reading, SourceUnavailable
from sloengine.sources.prometheus import FAMILIES, PrometheusSource
from sloengine.sources.selectors import names_of, questions
from tests import factories, servers
from tests.conftest import NOW
from tests.sloengine.histories import blocks
from tests.sloengine.readings import Replica, together

TICK = timedelta(seconds=30)


class Stub(BaseHTTPRequestHandler):
    """Answers every query with the server's `status` and `body`, and keeps what was asked."""

    def do_POST(self) -> None:
        asked = self.rfile.read(int(self.headers["Content-Length"])).decode()
        self.server.asked.append((self.path, parse_qs(asked)))  # type: ignore[attr-defined]
        self.send_response(self.server.status)  # type: ignore[attr-defined]
        self.end_headers()
        self.wfile.write(self.server.body)  # type: ignore[attr-defined]

    def log_message(self, *_: object) -> None:
        """Quiet."""


@pytest.fixture
def stub() -> Iterator[ThreadingHTTPServer]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Stub) as server:
        server.asked, server.status = [], 200  # type: ignore[attr-defined]
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def read(stub: ThreadingHTTPServer, answer: object, *, status: int = 200) -> Reading:
    stub.status = status  # type: ignore[attr-defined]
    stub.body = answer if isinstance(answer, bytes) else json.dumps(answer).encode()  # type: ignore[attr-defined]
    source = PrometheusSource(f"http://127.0.0.1:{stub.server_port}/")
    try:
        return source.read(NOW)
    finally:
        source.close()


def vector(*rows: object, **more: object) -> object:
    return {"status": "success", "data": {"resultType": "vector", "result": rows}, **more}


ROW = {"metric": {"__name__": "tailwatch_ttft_seconds_bucket", "service": "chat", "le": "1"}, "value": [0, "12"]}


def test_a_series_that_is_no_number_is_left_out_and_said(stub: ThreadingHTTPServer) -> None:
    odd = {"metric": {"__name__": "tailwatch_ttft_seconds_bucket", "service": "chat", "le": "?"}, "value": [0, "12"]}
    reading = read(stub, vector(ROW, odd))
    assert len(reading.samples) == 1
    assert (reading.partial, reading.warnings) == (True, ("1 series were left out, expected numbers",))


def test_the_query_is_in_the_body_with_the_ticks_time_and_a_timeout(stub: ThreadingHTTPServer) -> None:
    read(stub, vector())
    [(path, form)] = stub.asked  # type: ignore[attr-defined]
    assert path == "/api/v1/query"
    assert form["time"] == [f"{NOW.timestamp():.3f}"]
    assert form["timeout"] == ["10s"]
    assert form["query"] == [one.text for one in questions(names_of(FAMILIES))]


def test_bounds_are_written_as_everywhere(stub: ThreadingHTTPServer) -> None:
    assert read(stub, vector(ROW)).samples == {series("tailwatch_ttft_seconds_bucket", service="chat", le="1"): 12.0}


def test_warnings_make_a_reading_partial(stub: ThreadingHTTPServer) -> None:
    reading = read(stub, vector(ROW, warnings=["store 3 did not answer"]))
    assert (reading.partial, reading.warnings) == (True, ("store 3 did not answer",))


def test_native_histograms_are_left_out_aloud(stub: ThreadingHTTPServer) -> None:
    reading = read(stub, vector({"metric": ROW["metric"], "histogram": [0, {}]}))
    assert (reading.partial, dict(reading.samples)) == (True, {})


@pytest.mark.parametrize(
    ("answer", "status", "sentence"),
    [
        ({"status": "error", "error": "query timed out"}, 503, r"answered 503 \(is too busy\): query timed out"),
        ({"status": "error", "error": "parse error"}, 400, "answered 400: parse error"),
        (b"Unauthorized", 401, "answered 401 and no JSON and does not let us in"),
        (b"<html>", 502, "answered 502 and no JSON"),
        ([], 200, "no reason given"),
        ({"status": "success", "data": {"resultType": "matrix", "result": []}}, 200, "the result is a matrix"),
    ],
)
def test_no_answer_is_said_in_a_sentence(stub: ThreadingHTTPServer, answer: object, status: int, sentence: str) -> None:
    with pytest.raises(SourceUnavailable, match=sentence):
        read(stub, answer, status=status)
    assert len(stub.asked) == 1  # type: ignore[attr-defined]  # never sent again: the server is in trouble already


def test_nobody_listens() -> None:
    source = PrometheusSource(f"http://me:secret@127.0.0.1:{servers.free_port()}")
    with pytest.raises(SourceUnavailable, match=r"^http://127\.0\.0\.1:\d+: ConnectionError$"):
        source.read(NOW)
    source.close()


def history() -> list[Reading]:
    """Two replicas over 12 minutes: growth, a first error, a restart, a gap, a birth and a new version."""
    first, second, third = Replica("chat-0"), Replica("chat-1"), Replica("chat-2")
    for one in (first, second, third):
        one.restart(NOW.timestamp() - 3600)
    readings = []
    for number in range(24):
        at = NOW + number * TICK
        first.serve(10 + number, seconds=0.3 if number % 5 == 0 else 0.07)
        second.serve(3)
        if number == 4:
            second.serve(1, outcome="error")
        if number == 8:
            first.restart(at.timestamp() - 12)
            first.serve(4)
        if number == 15:
            third.restart(at.timestamp() - 20)
        if number >= 15:
            third.serve(2)
        if number == 20:
            second.restart(at.timestamp() - 5, version="2")
            second.serve(1)
        here = [first, *([] if 10 <= number < 14 else [second]), *([third] if number >= 15 else [])]
        readings.append(Reading(at, together(*here)))
    return readings


@pytest.mark.heavy
@pytest.mark.django_db
def test_one_history_through_both_sources_gives_equal_increments(
    prometheus_server: Callable[..., servers.Server], tmp_path: Path
) -> None:
    readings = history()
    server = prometheus_server("global: {}\n", blocks=blocks(readings, tmp_path))
    recorded.register("history", recorded.Recorded(readings))
    factories.make_source(factories.make_organisation("told"), name="history")
    factories.make_source(factories.make_organisation("asked"), name="p", kind="prometheus", url=server.url)
    for number in (0, 9, 23):
        services.collect_due(now=NOW + number * TICK)
        services.catch_up_due(now=NOW + number * TICK)
    recorded.unregister("history")
    told, asked = (Service.objects.get(organisation__slug=slug) for slug in ("told", "asked"))
    total = 0.0
    for number in range(23):
        window: dict[str, Any] = {"start": NOW + number * TICK, "end": NOW + (number + 1) * TICK}
        for family, by in (("requests_total", ("version", "outcome")), ("generated_tokens_total", ("replica",))):
            one, other = (queries.increments(service=each, family=family, by=by, **window) for each in (told, asked))
            assert {k: v for k, v in one.items() if v} == {k: v for k, v in other.items() if v}
            total += sum(one.values())
        first, second = (queries.histogram(service=each, family="ttft_seconds", **window) for each in (told, asked))
        assert first == second
    assert total > 500
    answers_to_queries_are_those_of_a_range(server.url)


def answers_to_queries_are_those_of_a_range(url: str) -> None:
    """What is asked for ticks that are caught up is what would have been asked at each of them."""
    reader, instants = PrometheusSource(url), [NOW + number * TICK for number in range(24)]
    count = "tailwatch_requests_total"
    for query in (count, f"sum(rate({count}[2m]))", f"{count} > 1e9", "scalar(vector(2))"):
        each = [sorted(reader.ask(query, at=at)) for at in instants]
        assert [sorted(one) for one in reader.ask_range(query, instants=instants)] == each
    reader.close()
    wanted = [
        Asked("chat", "counted", (("good", f'{count}{{outcome="ok"}}'), ("total", count)), True, False, "", 0.0),
        Asked("chat", "ratio", (("raw", f'sum({count}{{outcome="ok"}}) / sum({count})'),), False, False, "", 0.0),
        Asked("chat", "below", (("threshold", f"sum({count})"),), False, False, "lt", 1e9),
    ]
    source = MetricSource(kind="prometheus", url=url)
    whole = read_all(Due(source, instants, wanted), seconds=60).readings
    single = [read_all(Due(source, [at], wanted), seconds=60).readings[0] for at in instants]
    asked = [{key: value for key, value in one.samples.items() if "query_" in key.name} for one in whole]
    assert asked == [{key: value for key, value in one.samples.items() if "query_" in key.name} for one in single]
    assert {key.name.removeprefix("tailwatch_query_") for key in asked[-1]} == {
        "good_total",
        "all_total",
        "good",
        "all",
    }
