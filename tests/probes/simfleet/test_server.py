"""The fleet over HTTP on a free port: pages, streams, faults, refusals."""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any

import pytest

from probes.exposition import Parser
from probes.simfleet.config import default_config
from probes.simfleet.fleet import BENIGN, FAULTS
from probes.simfleet.server import FleetServer, PortTaken

PROMPT = "In one or two sentences: what is tidal power?"


@pytest.fixture(scope="module")
def running() -> Iterator[FleetServer]:
    with _started() as server:
        yield server


@pytest.fixture
def server(running: FleetServer) -> Iterator[FleetServer]:
    yield running
    running.end_faults()


@contextmanager
def _started() -> Iterator[FleetServer]:
    server = FleetServer(default_config(), port=0)
    server.start()
    try:
        yield server
    finally:
        server.stop()


def ask(server: FleetServer, method: str, path: str, document: object = None) -> tuple[int, str]:
    with closing(http.client.HTTPConnection(server.host, server.port, timeout=10)) as connection:
        connection.request(method, path, None if document is None else json.dumps(document))
        answer = connection.getresponse()
        return answer.status, answer.read().decode()


def test_every_target_has_a_page_that_parses(server: FleetServer) -> None:
    status, text = ask(server, "GET", "/targets")
    targets = json.loads(text)
    assert (status, len(targets)) == (200, 24)
    assert all(target["simulated"] for target in targets)
    for target in targets:
        assert target["url"].startswith(server.url)
        status, page = ask(server, "GET", target["url"].removeprefix(server.url))
        assert status == 200
        names = {one.name for one in Parser().parse(page)}
        marker = {
            "engine": "vllm:num_requests_running",
            "gateway": "litellm_in_flight_requests",
            "gpu": "DCGM_FI_DEV_GPU_UTIL",
            "client": "business_events_total",
        }
        assert marker[target["kind"]] in names
    status, page = ask(server, "GET", "/gpus/metrics")
    assert len({one.label("UUID") for one in Parser().parse(page)}) == 9


@pytest.mark.parametrize("chat", [False, True], ids=["completions", "chat"])
@pytest.mark.parametrize("where", ["/services/chat", "/replicas/chat-2"])
def test_an_answer_is_streamed_as_openai_does(server: FleetServer, where: str, chat: bool) -> None:
    body: dict[str, Any] = {"stream": True, "max_tokens": 6, "stream_options": {"include_usage": True}}
    body |= {"messages": [{"role": "user", "content": PROMPT}]} if chat else {"prompt": PROMPT}
    status, text = ask(server, "POST", f"{where}/v1/{'chat/' if chat else ''}completions", body)
    assert status == 200
    events = [event.removeprefix("data: ") for event in text.split("\n\n") if event]
    assert events[-1] == "[DONE]"
    documents = [json.loads(event) for event in events[:-1]]
    choices = [document["choices"][0] for document in documents if document["choices"]]
    pieces = [choice["delta"]["content"] if chat else choice["text"] for choice in choices]
    assert len([piece for piece in pieces if piece]) == 6
    assert choices[-1]["finish_reason"] == "length"
    assert documents[-1]["usage"] == {"prompt_tokens": len(PROMPT) // 4, "completion_tokens": 6, "total_tokens": 17}
    assert {document["object"] for document in documents} == {"chat.completion.chunk" if chat else "text_completion"}


def test_an_answer_comes_whole_and_models_name_the_release(server: FleetServer) -> None:
    body = {"model": "llama-8b-instruct", "messages": [{"role": "user", "content": PROMPT}], "max_tokens": 5}
    status, text = ask(server, "POST", "/replicas/chat-0/v1/chat/completions", body)
    assert status == 200
    assert len(json.loads(text)["choices"][0]["message"]["content"].split()) == 5
    status, text = ask(server, "GET", "/replicas/chat-0/v1/models")
    assert json.loads(text)["data"][0]["root"] == "registry/llama-8b-instruct@2026.11.1"
    status, text = ask(server, "GET", "/services/chat/v1/models")
    assert [one["id"] for one in json.loads(text)["data"]][:2] == ["llama-8b-instruct", "llama-8b-instruct@2026.11.1"]
    assert ask(server, "GET", "/services/nobody/v1/models")[0] == 404


@pytest.mark.parametrize(
    ("path", "body", "status", "sentence"),
    [
        ("/services/chat/v1/completions", {"prompt": 3}, 400, "prompt must be a text."),
        ("/services/chat/v1/completions", {"prompt": "x", "max_tokens": 0}, 400, "max_tokens must be at least 1, got 0."),
        ("/services/chat/v1/completions", {"prompt": "x", "model": "gpt"}, 404, "The model `gpt` does not exist."),
        ("/services/chat/v1/chat/completions", {"messages": []}, 400, "messages must be a list with at least one message."),
        ("/services/search/v1/completions", {"prompt": "x"}, 404, "no service 'search'; there are: chat, code, batch"),
        ("/replicas/chat-9/v1/completions", {"prompt": "x"}, 404, "no replica 'chat-9'"),
        ("/faults", {"fault": "fire", "action": "start"}, 400, "expected {\"fault\": one of traffic-spike"),
        ("/faults", {"fault": "traffic-spike", "action": "start", "seconds": -1}, 400, "expected a number above 0"),
        ("/faults", {"fault": "stall", "action": "start", "parameters": {"depth": "deep"}}, 400, "depth: found 'deep'"),
        ("/faults", {"fault": "stall", "action": "start", "parameters": {"depth": 1}}, 404, "no parameter of stall"),
        ("/faults", {"fault": "stall", "action": "start", "target": "slice:long"}, 400, "hits all or replica, not 'slice'"),
        ("/faults", {"fault": "stall", "action": "start", "onset": 3}, 400, "onset: found 3, expected a text"),
    ],
)  # fmt: skip
def test_a_wrong_request_is_answered_with_a_sentence(
    server: FleetServer, path: str, body: object, status: int, sentence: str
) -> None:
    found, text = ask(server, "POST", path, body)
    assert (found, sentence in json.loads(text)["error"]["message"]) == (status, True)


def test_faults_start_stop_and_end_together(server: FleetServer) -> None:
    shown = json.loads(ask(server, "GET", "/faults")[1])["faults"]
    assert {one["name"]: one["benign"] for one in shown} == {name: name in BENIGN for name in [*FAULTS, *BENIGN]}
    for name in ("decode-slowdown", "runaway-tenant"):
        status, text = ask(server, "POST", "/faults", {"fault": name, "action": "start", "seconds": 600})
        assert status == 200
    assert json.loads(text)["active"] == ["decode-slowdown", "runaway-tenant"]
    assert json.loads(ask(server, "POST", "/faults", {"name": "runaway-tenant", "action": "stop"})[1])["active"] == [
        "decode-slowdown"
    ]
    asked = {"fault": "stall", "action": "start", "service": "chat", "target": "replica:3", "onset": "step"}
    assert ask(server, "POST", "/faults", asked)[0] == 200
    assert [one.engine.hung_at is not None for one in server.fleet.pool("chat").replicas] == [False, False, False, True]
    assert json.loads(ask(server, "DELETE", "/faults")[1])["active"] == []


def test_a_replica_that_is_down_closes_without_an_answer() -> None:
    with _started() as server:
        ask(server, "POST", "/faults", {"fault": "replica-outage", "action": "start"})
        for method, path in (("GET", "/replicas/code-1/metrics"), ("POST", "/replicas/code-1/v1/completions")):
            with pytest.raises((http.client.RemoteDisconnected, ConnectionResetError)):
                ask(server, method, path, {"prompt": "x"})
        assert ask(server, "GET", "/replicas/code-0/metrics")[0] == 200


def test_a_taken_port_is_a_sentence(server: FleetServer) -> None:
    with pytest.raises(PortTaken, match=rf"cannot listen on 127.0.0.1:{server.port}: .*; choose another --port"):
        FleetServer(default_config(), port=server.port)


def test_the_command_says_where_it_is_and_stops_at_sigterm(tmp_path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "probes.simfleet", "--port", str(port)]
    with subprocess.Popen(
        command, stderr=subprocess.PIPE, text=True, env={**os.environ, "PYTHONWARNINGS": ""}
    ) as child:
        assert child.stderr is not None
        assert f"http://127.0.0.1:{port}" in child.stderr.readline()
        child.send_signal(signal.SIGTERM)
        assert child.wait(timeout=2) == 0


def test_the_command_refuses_a_wrong_file_with_a_sentence(tmp_path, capsys) -> None:
    from probes.simfleet.__main__ import main

    (tmp_path / "fleet.yaml").write_text("services: [{name: chat, replicas: zero}]")
    assert main(["--config", str(tmp_path / "fleet.yaml")]) == 2
    assert "services[0].replicas: found 'zero', expected a number from 1 to 1000" in capsys.readouterr().err
