"""Direct scrape: what a probe says, and what becomes of one that says nothing or nonsense."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator

import httpx
import pytest

from probes.exposition import series
from sloengine.sources import scrape
from sloengine.sources.base import SourceUnavailable, without_credentials
from sloengine.sources.scrape import ScrapeSource
from tests.conftest import NOW

TEXT = 'tailwatch_requests_total{service="chat",outcome="ok"} 5\n'


def source(answers: dict[str, Callable[[], httpx.Response]]) -> ScrapeSource:
    def answer(request: httpx.Request) -> httpx.Response:
        return answers[request.url.host]()

    return ScrapeSource([f"http://{host}:9840/metrics" for host in answers], transport=httpx.MockTransport(answer))


def refused() -> httpx.Response:
    raise httpx.ConnectError("connection refused")


def test_one_probe_is_read_as_it_is() -> None:
    reading = source({"a": lambda: httpx.Response(200, text=TEXT)}).read(NOW)
    assert reading.samples == {series("tailwatch_requests_total", service="chat", outcome="ok", instance="a:9840"): 5.0}
    assert (reading.at, reading.partial) == (NOW, False)


def test_a_page_without_end_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    def endless() -> Iterator[bytes]:
        while True:
            yield b"# and so on\n"

    monkeypatch.setattr(scrape, "LIMIT_BYTES", 1000)
    with pytest.raises(SourceUnavailable, match="more than 1000 bytes"):
        source({"a": lambda: httpx.Response(200, content=endless())}).read(NOW)
    monkeypatch.setattr(scrape, "LIMIT_BYTES", 10**9)
    monkeypatch.setattr(scrape, "WHOLE_SECONDS", 0.05)
    with pytest.raises(SourceUnavailable, match=r"no complete answer within 0\.05 s"):
        source({"a": lambda: httpx.Response(200, content=endless())}).read(NOW)


def test_probes_are_read_at_the_same_time() -> None:
    gate = threading.Barrier(3)

    def together() -> httpx.Response:
        gate.wait(timeout=5)
        return httpx.Response(200, text=TEXT)

    assert len(source(dict.fromkeys("abc", together)).read(NOW).samples) == 3


def test_two_pages_of_one_probe_are_two_instances() -> None:
    answer = httpx.MockTransport(lambda _: httpx.Response(200, text=TEXT))
    both = ScrapeSource(["http://me:secret@a:1/metrics", "http://a:1/more", "http://a:1/more"], transport=answer)
    assert {one.label("instance") for one in both.read(NOW).samples} == {"a:1", "a:1/more"}


def test_several_probes_are_told_apart_by_instance() -> None:
    both = source({"a": lambda: httpx.Response(200, text=TEXT), "b": lambda: httpx.Response(200, text=TEXT)})
    names = {one.label("instance") for one in both.read(NOW).samples}
    assert names == {"a:9840", "b:9840"}


def test_one_of_two_probes_down_makes_a_partial_reading() -> None:
    reading = source({"a": lambda: httpx.Response(200, text=TEXT), "b": refused}).read(NOW)
    assert reading.partial
    assert reading.warnings == ("http://b:9840/metrics: connection refused",)
    assert len(reading.samples) == 1


@pytest.mark.parametrize(
    ("answer", "sentence"),
    [
        (refused, "connection refused"),
        (lambda: httpx.Response(503), "answered 503, expected 200"),
        (lambda: httpx.Response(200, text="tailwatch{"), "line 1: found"),
        (lambda: httpx.Response(200, content=b"a \xff\n"), "expected UTF-8"),
    ],
)
def test_nothing_to_read_is_said_in_a_sentence(answer: Callable[[], httpx.Response], sentence: str) -> None:
    with pytest.raises(SourceUnavailable, match=sentence):
        source({"a": answer}).read(NOW)


def test_a_source_without_urls_cannot_be_read() -> None:
    with pytest.raises(SourceUnavailable, match="no URL"):
        ScrapeSource([])


def test_credentials_stay_out_of_sentences() -> None:
    assert without_credentials("http://me:secret@prometheus:9090/a") == "http://prometheus:9090/a"
