"""The transport and the agent against real servers on this machine."""

from __future__ import annotations

import gzip
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from probes.agent import Agent, ScrapeFailed
from probes.config import Canary, ProbeConfig, Target
from probes.exposition import MalformedExposition, series
from probes.http import HttpTransport
from probes.prompts import Prompt
from tests.probes.servers import broken_off, cut_short, dripping, nobody, serving, serving_tls, silent, stream, text

#: 17 KB that unpack to 17 MB.
BOMB = gzip.compress(bytes(17 * 1024 * 1024))
PAGE = "vllm:num_requests_running 3\nvllm:generation_tokens_total 40\n"
PROMPT = Prompt("p", "Where?")


@pytest.fixture
def transport():
    one = HttpTransport(scrape_timeout_seconds=0.15)
    yield one
    one.close()


def target(url: str, name: str = "chat-0") -> Target:
    return Target(name, url, "chat", model="m", version="1", region="eu")


def canary(url: str, **more) -> Canary:
    return Canary("chat", url, "m", (PROMPT,), timeout_seconds=0.2, **more)


@pytest.mark.parametrize(
    ("page", "reason"),
    [
        (text("", status=500), "status"),
        (text("", status=302, Location="/elsewhere"), "redirect"),
        (silent, "timeout"),
        (dripping, "timeout"),
        (cut_short, "truncated"),
        (text("up 1\nup_since 17953"), "truncated"),
        (text(b"\x00\x01", Content_Encoding="gzip"), "encoding"),
        (text(b"\x00\x01", Content_Encoding="br"), "encoding"),
        (text(gzip.compress(b"up 1\n")[:-6], Content_Encoding="gzip"), "truncated"),
        (text(BOMB, Content_Encoding="gzip"), "too_large"),
        (text(b"up 1\n", Content_Length=str(50_000_000)), "too_large"),
    ],
)
def test_a_scrape_that_fails_says_why(transport, page, reason):
    with serving(metrics=page) as server, pytest.raises(ScrapeFailed) as problem:
        transport.scrape(target(f"{server.url}/metrics"))
    assert problem.value.reason == reason


def test_nobody_there_is_a_connect_failure(transport):
    with pytest.raises(ScrapeFailed) as problem:
        transport.scrape(target(nobody()))
    assert problem.value.reason == "connect"


@pytest.mark.parametrize("body", ["<html>", "up", b'up{a="\xff"} 1'])
def test_a_page_that_is_no_exposition_is_malformed(transport, body):
    with serving(metrics=text(body)) as server, pytest.raises(MalformedExposition):
        transport.scrape(target(f"{server.url}/metrics"))


def test_a_compressed_page_is_read(transport):
    with serving(metrics=text(gzip.compress(b"up 1\n"), Content_Encoding="gzip")) as server:
        assert transport.scrape(target(f"{server.url}/metrics")) == {series("up"): 1.0}


def test_a_page_beyond_the_limit_is_refused(transport, monkeypatch):
    monkeypatch.setattr("probes.fetch.LIMIT_BYTES", 1000)
    with serving(metrics=text("# " + "x" * 2000)) as server, pytest.raises(ScrapeFailed) as problem:
        transport.scrape(target(f"{server.url}/metrics"))
    assert (problem.value.reason, problem.value.detail) == ("too_large", "more than 1000 bytes")


def test_a_server_whose_certificate_nobody_vouches_for_is_a_tls_failure(transport, tmp_path: Path):
    with serving_tls(tmp_path, metrics=text("up 1\n")) as server, pytest.raises(ScrapeFailed) as problem:
        transport.scrape(target(f"{server.url.replace('http', 'https')}/metrics"))
    assert problem.value.reason == "tls"
    with serving(metrics=text("up 1\n")) as server, pytest.raises(ScrapeFailed) as problem:
        transport.scrape(target(f"{server.url.replace('http', 'https')}/metrics"))
    assert problem.value.reason == "tls"


def test_a_page_with_an_exemplar_is_read(transport):
    page = 'a_bucket{le="1"} 5 # {trace_id="x y"} 0.5 1795322654.17\na_count 7 1795322654.17\n'
    with serving(metrics=text(page)) as server:
        assert transport.scrape(target(f"{server.url}/metrics")) == {
            series("a_bucket", le="1"): 5.0,
            series("a_count"): 7.0,
        }


def test_a_canary_streams_and_is_measured(transport):
    with serving(v1__completions=stream("Par", "is", ".")) as server:
        completion = transport.complete(canary(server.url), PROMPT)
    assert (completion.outcome, completion.text, len(completion.token_seconds)) == ("ok", "Paris.", 3)
    assert 0 < completion.token_seconds[0] <= completion.token_seconds[-1] <= (completion.end_seconds or 0) < 0.2
    assert server.bodies[0]["prompt"] == "Where?"


def test_a_chat_canary_brings_its_key_from_a_file(transport, tmp_path: Path):
    (tmp_path / "key").write_text("secret-1\n")
    with serving(v1__chat__completions=stream("Paris")) as server:
        completion = transport.complete(canary(server.url, api="chat", api_key_file=str(tmp_path / "key")), PROMPT)
    assert completion.text == "Paris"
    assert server.headers[0]["authorization"] == "Bearer secret-1"


@pytest.mark.parametrize(
    ("page", "outcome"),
    [
        (text("", status=503), "error"),
        (text("", status=429), "rejected"),
        (text("", status=504), "timeout"),
        (silent, "timeout"),
        (dripping, "timeout"),
        (stream("Par", end=""), "error"),
        (stream("Par", end="data: {\n\n"), "error"),
    ],
)
def test_a_canary_that_fails_is_an_outcome(transport, page, outcome):
    with serving(v1__completions=page) as server:
        assert transport.complete(canary(server.url), PROMPT).outcome == outcome


@pytest.mark.parametrize(
    ("page", "reason"),
    [
        (text("", status=503), "status"),
        (text("", status=307, Location="http://elsewhere/v1/completions"), "redirect"),
        (silent, "timeout_first_byte"),
        (dripping, "timeout_stream"),
        (stream("Par", end=""), "stream_ended"),
        (broken_off, "stream_ended"),
        (stream("Par", end="data: {\n\n"), "broken_frame"),
        (stream("Par", end='data: {"error": {"message": "engine died"}}\n\n'), "stream_error"),
    ],
)
def test_what_broke_is_named(transport, page, reason):
    with serving(v1__completions=page) as server:
        completion = transport.complete(canary(server.url), PROMPT)
    assert (completion.reason, completion.outcome == "ok") == (reason, False)
    assert completion.detail


def test_what_broke_before_anyone_answered_is_named(transport, tmp_path: Path):
    key = str(tmp_path / "none")
    assert transport.complete(canary(nobody()), PROMPT).reason == "connect"
    assert transport.complete(canary("http://name.invalid"), PROMPT).reason == "dns"
    assert transport.complete(canary(nobody(), api_key_file=key), PROMPT).reason == "key_file"
    with serving(v1__completions=stream("a")) as server:
        assert transport.complete(canary(server.url.replace("http:", "https:")), PROMPT).reason == "tls"


def test_a_redirect_is_not_followed_and_the_key_stays_here(transport, tmp_path: Path):
    (tmp_path / "key").write_text("secret")
    with serving(v1__completions=stream("a")) as other:
        away = text("", status=307, Location=f"{other.url}/v1/completions")
        with serving(v1__completions=away) as server:
            completion = transport.complete(canary(server.url, api_key_file=str(tmp_path / "key")), PROMPT)
    assert other.bodies == []
    assert other.url in completion.detail


def test_a_latency_prompt_begins_anew_each_time_and_a_quality_prompt_never_changes(transport):
    fresh = replace(PROMPT, nonce=True)
    with serving(v1__completions=stream("a")) as server:
        for prompt in (fresh, fresh, PROMPT, PROMPT):
            transport.complete(canary(server.url, headers=(("x-tags", "canary"),)), prompt)
    first, second, third, fourth = (body["prompt"] for body in server.bodies)
    assert first != second
    assert first.endswith("] Where?")
    assert third == fourth == "Where?"
    assert {body["user"] for body in server.bodies} == {"tailwatch-canary"}
    assert (server.headers[0]["x-tailwatch-canary"], server.headers[0]["x-tags"]) == ("all", "canary")


def test_a_canary_to_nobody_and_one_without_its_key_file_are_errors(transport, tmp_path: Path):
    assert transport.complete(canary(nobody()), PROMPT).outcome == "error"
    assert transport.complete(canary(nobody(), api_key_file=str(tmp_path / "none")), PROMPT).outcome == "error"


def test_targets_come_from_a_url_and_a_bad_page_is_malformed(transport):
    page = '[{"name": "a", "url": "http://a/metrics", "service": "chat", "kind": "engine", "version": "2"}]'
    with serving(targets=text(page), broken=text("{")) as server:
        assert [one.version for one in transport.discover(f"{server.url}/targets")] == ["2"]
        with pytest.raises(ScrapeFailed) as problem:
            transport.discover(f"{server.url}/broken")
    assert problem.value.reason == "malformed"


def test_dead_malformed_slow_and_broken_targets_stop_no_other(transport):
    with serving(good=text(PAGE), bad=text("<html>"), slow=dripping, broken=text("", status=500)) as server:
        names = {"good": "", "bad": "malformed", "slow": "timeout", "broken": "status"}
        targets = [target(f"{server.url}/{name}", name) for name in names] + [target(nobody(), "dead")]
        config = ProbeConfig(targets=tuple(targets), canaries=(canary(server.url),), gpu="off")
        with ThreadPoolExecutor(8) as pool:
            agent = Agent(config, transport, started=1000.0, executor=pool)
            agent.tick(1000.0)
    found = agent.samples()
    own = {"service": "chat", "model": "m", "version": "1", "region": "eu"}
    for name, reason in {**names, "dead": "connect"}.items():
        assert found[series("tailwatch_target_up", **own, replica=name)] == (0.0 if reason else 1.0)
        failures = {
            one.label("reason")
            for one, value in found.items()
            if value and one.name == "tailwatch_probe_scrape_failures_total" and one.label("replica") == name
        }
        assert failures == ({reason} if reason else set())
    assert found[series("tailwatch_requests_running", **own, replica="good")] == 3.0
    assert {one.label("replica") for one in found if one.name == "tailwatch_generated_tokens_total"} == {"good"}
    assert found[series("tailwatch_canary_requests_total", **own, slice="all", outcome="error")] == 1.0  # no /v1 there
    assert agent.problems["dead"]
