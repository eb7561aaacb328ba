"""The phases of a canary's connection: the name, the connection, TLS and the first byte, each measured apart."""

from __future__ import annotations

import socket
import ssl
import threading
from pathlib import Path

import httpx
import pytest

from probes import connecting
from probes.config import Canary
from probes.http import HttpTransport
from probes.prompts import Prompt
from tests.probes.servers import nobody, serving, serving_tls, stream, text

PROMPT = Prompt("p", "Where?")


def canary(url: str) -> Canary:
    return Canary("chat", url, "m", (PROMPT,), timeout_seconds=2.0)


@pytest.fixture
def transport():
    one = HttpTransport()
    yield one
    one.close()


@pytest.fixture
def names(monkeypatch):
    """A resolver that takes its time and knows one name, by two addresses of which nobody listens on the first."""
    real, asked = socket.getaddrinfo, []

    def look_up(host, port, *more, **named):
        if host != "engine.example":
            return real(host, port, *more, **named)
        asked.append(host)
        threading.Event().wait(0.05)
        family = (socket.AF_INET, socket.SOCK_STREAM, 6, "")
        return [(*family, ("127.0.0.2", port)), (*family, ("127.0.0.1", port))]

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    return asked


def test_a_name_is_looked_up_once_and_apart_from_connecting(transport, names):
    with serving(v1__completions=stream("Par", "is")) as server:
        completion = transport.complete(canary(server.url.replace("127.0.0.1", "engine.example")), PROMPT)
    phases = dict(completion.phases)
    assert (completion.outcome, names) == ("ok", ["engine.example"])
    assert list(phases) == ["dns", "connect", "first_byte"]
    assert phases["dns"] >= 0.05 > phases["connect"] > 0


def test_a_numeric_address_has_no_lookup_not_even_that_of_the_request_before(transport, names):
    with serving(v1__completions=stream("a"), none=text("")) as server:
        transport._client.get(server.url.replace("127.0.0.1", "engine.example") + "/none")  # untraced, on this thread
        found = [dict(transport.complete(canary(server.url), PROMPT).phases) for _ in range(2)]
    assert [set(phases) for phases in found] == [{"connect", "first_byte"}] * 2  # each opens a connection of its own


def test_tls_is_a_phase_of_its_own(transport, tmp_path: Path, monkeypatch):
    with serving_tls(tmp_path, v1__completions=stream("Paris")) as server:
        trusted = ssl.create_default_context(cafile=tmp_path / "server.pem")
        monkeypatch.setattr(httpx, "create_ssl_context", lambda **_: trusted)
        secure = HttpTransport()
        completion = secure.complete(canary(server.url.replace("http:", "https:")), PROMPT)
        secure.close()
    assert completion.outcome == "ok"
    phases = dict(completion.phases)
    assert list(phases) == ["connect", "tls", "first_byte"]
    assert all(seconds > 0 for seconds in phases.values())


def test_a_name_that_nobody_knows_is_dns_and_one_whose_addresses_all_refuse_is_connect(transport, names):
    assert transport.complete(canary("http://name.invalid"), PROMPT).reason == "dns"
    url = nobody().removesuffix("/metrics").replace("127.0.0.1", "engine.example")
    refused = transport.complete(canary(url), PROMPT)
    assert refused.reason == "connect"
    assert dict(refused.phases)["dns"] >= 0.05


def test_the_time_to_connect_is_one_for_the_lookup_and_all_addresses(names):
    with httpx.Client(transport=connecting.transport(), trust_env=False) as client, pytest.raises(httpx.ConnectTimeout):
        client.get("http://engine.example:9", timeout=0.03)


def test_a_link_local_address_keeps_its_interface():
    assert connecting._numeric(("fe80::1", 80, 0, 3)) == "fe80::1%3"
    assert connecting._numeric(("::1", 80, 0, 0)) == "::1"
