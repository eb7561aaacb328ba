"""Pages as no exporter should send them, together: each is a labelled error, the loop goes on, and nothing else is late."""

from __future__ import annotations

import contextlib
import gzip
import socket
import struct
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from probes.agent import Agent
from probes.config import ProbeConfig, Target
from probes.exposition import MalformedExposition, Parser, Samples, Series, render, series
from probes.http import HttpTransport
from probes.replica import Translator
from tests.probes import pages
from tests.probes.fixtures import LITELLM
from tests.probes.servers import cut_short, dripping, nobody, serving, silent, text

INTERVAL = 15.0
PAGE = "vllm:num_requests_running 3\nvllm:generation_tokens_total {tokens}\n"
HUGE = b'vllm:num_requests_running{engine="0"} 1\n' * (50_000_000 // 39)


def gigantic(request) -> None:
    """50 MB without saying so before."""
    request.send_response(200)
    request.end_headers()
    for at in range(0, len(HUGE), 1 << 20):
        request.wfile.write(HUGE[at : at + (1 << 20)])


def restarted(request) -> None:
    """The engine restarts while it answers: half a page, then the connection is reset."""
    request.send_response(200)
    request.end_headers()
    request.wfile.write(PAGE.format(tokens=1).encode()[:40])
    request.wfile.flush()
    request.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    request.connection.close()


NAN = PAGE.format(tokens="NaN") + "vllm:num_requests_waiting +Inf\n"

BAD = {
    "restarted": (restarted, "truncated"),
    "html": (text("<html>"), "malformed"),
    "half": (text("vllm:num_requests_running 3\nvllm:generation_tokens_tot"), "malformed"),
    "within": (text("vllm:num_requests_running 3\nvllm:generation_tokens_total 12"), "truncated"),
    "cut": (cut_short, "truncated"),
    "gigantic": (gigantic, "too_large"),
    "bomb": (text(gzip.compress(bytes(20_000_000)), Content_Encoding="gzip"), "too_large"),
    "slow": (dripping, "timeout"),
    "silent": (silent, "timeout"),
    "latin": (text(b'up{a="\xe9"} 1\n'), "malformed"),
    "twice": (text("up 1\nup 2\n"), "malformed"),
    "moved": (text("", status=307, Location="/good"), "redirect"),
    "brotli": (text(b"x", Content_Encoding="br"), "encoding"),
    "teapot": (text("", status=418), "status"),
}


@pytest.mark.heavy
def test_all_of_them_together_cost_a_good_target_nothing():
    count = [0]

    def good(request) -> None:
        count[0] += 1
        text(PAGE.format(tokens=count[0]))(request)

    transport = HttpTransport(scrape_timeout_seconds=2.0)
    with (
        serving(good=good, nan=text(NAN), **{name: page for name, (page, _) in BAD.items()}) as server,
        ThreadPoolExecutor(32) as pool,
    ):
        urls = {name: f"{server.url}/{name}" for name in ("good", "nan", *BAD)} | {"dead": nobody()}
        urls["plain"] = urls["good"].replace("http:", "https:")  # TLS spoken to who does not
        targets = tuple(Target(name, url, "chat", model="m") for name, url in urls.items())
        agent = Agent(ProbeConfig(targets=targets, gpu="off"), transport, started=0.0, executor=pool)
        own = {"service": "chat", "model": "m", "version": "unknown", "region": "unknown", "replica": "good"}
        for turn in range(2):
            begun = time.perf_counter()
            agent.tick(INTERVAL * turn)
            assert time.perf_counter() - begun < 0.5  # the loop starts what is due and goes on
            while agent.samples().get(series("tailwatch_generated_tokens_total", **own)) != turn + 1:
                assert time.perf_counter() - begun < 5.0
                server.over.wait(0.01)
            while any(watch.busy for watch in agent._list):
                assert time.perf_counter() - begun < 10.0
                server.over.wait(0.01)
    transport.close()
    failures = {
        (one.label("replica"), one.label("reason")): value
        for one, value in agent.samples().items()
        if value and one.name == "tailwatch_probe_scrape_failures_total"
    }
    expected = {(name, reason): 2.0 for name, (_, reason) in BAD.items()} | {
        ("dead", "connect"): 2.0,
        ("plain", "tls"): 2.0,
    }
    assert failures == expected
    dropped = {
        (one.label("replica"), one.label("reason")): value
        for one, value in agent.samples().items()
        if value and one.name == "tailwatch_probe_values_dropped_total"
    }
    assert dropped == {("nan", "not_a_number"): 4.0}  # two values of each page; the page itself is read


#: Lines that look almost right: what a fuzzer that draws characters hardly ever meets.
_PIECES = st.sampled_from(
    ["up", "{", "}", 'a="b"', 'le="0.5"', 'le="x"', ",", " ", "1", "-1e400", "NaN", "+Inf", "#", "# TYPE up gauge", "\n", "\r\n",
     '"', "\\", 'a="\\"', "\t", "1_0", "0x1", "1 2", " # {t=\"x\"} 1", "\x00", "é", "_", ":", "=", "1795322654000"]
)  # fmt: skip


@given(st.lists(_PIECES, max_size=24).map("".join))
@settings(max_examples=300, deadline=None)
def test_almost_an_exposition_parses_or_is_malformed_and_a_second_reading_agrees(page):
    parser = Parser()
    with contextlib.suppress(MalformedExposition):
        first = parser.parse(page)
        again = parser.parse(page)
        assert {one: repr(value) for one, value in again.items()} == {one: repr(value) for one, value in first.items()}
        assert all(isinstance(value, float) for value in first.values())


_GOOD = [page for name, page in vars(pages).items() if name.isupper()] + [LITELLM]


@given(st.sampled_from(_GOOD), st.data())
@settings(max_examples=80, deadline=None)
def test_a_page_cut_anywhere_or_with_any_value_gives_finite_numbers_or_is_malformed(page, data):
    at = data.draw(st.integers(0, len(page)))
    odd = data.draw(st.sampled_from(["NaN", "+Inf", "-Inf", "1e308", "-1", "0", ""]))
    with contextlib.suppress(MalformedExposition):
        samples: Samples = Parser().parse(page[:at] + odd + page[at + len(odd) :])
        translator = Translator(Target("r", "http://r/metrics", "chat", kind="gateway"))
        for _ in range(2):
            found = translator.canonical(samples)
            assert all(abs(value) < float("inf") for value in found.values())
            assert {one.name for one in found if isinstance(one, Series)} <= {*translator.made, *_zeros(found)}
            assert Parser().parse(render(found)) == found


def _zeros(found: Samples) -> set[str]:
    return {one.name for one in found if one.label("outcome") is not None}
