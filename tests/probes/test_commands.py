"""Commands on the probe: signed, named in its configuration, each key once, no shell, arguments that fit."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import closing
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import pytest

from probes import signing
from probes.commands import BadSecret, Commands, CommandServer
from probes.config import load
from probes.shape import ShapeError

NOW = 1_795_000_000.0
SECRET = "s3cret"
YAML = """gpu: "off"
targets: [{name: a, url: "http://127.0.0.1:1/metrics", service: chat}]
commands:
  listen: 127.0.0.1:0
  secret_file: %s
  allow:
    mark: {argv: [/bin/sh, -c, "echo $0 >> %s; echo marked $0", "{word}"], arguments: {word: "[a-z; ]+"}}
    fail: {argv: ["false"]}
    slow: {argv: [sleep, "30"], timeout_seconds: 1}
    lost: {argv: [/no/such/program]}
"""


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "log"


@pytest.fixture
def server(tmp_path: Path, log: Path) -> Iterator[CommandServer]:
    (tmp_path / "secret").write_text(SECRET + "\n")
    config = load(YAML % (tmp_path / "secret", log), file="probes.yaml").commands
    assert isinstance(config, Commands)
    running = CommandServer(config, now=lambda: NOW)
    thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    yield running
    running.shutdown()
    running.server_close()
    thread.join()


def call(server: CommandServer, name: str, *, secret: str = SECRET, **order: Any) -> tuple[int, dict[str, Any]]:
    body = json.dumps({"key": "k", **order}).encode()
    headers = {signing.HEADER: signing.sign(secret=secret, body=body, at=int(NOW))}
    with closing(HTTPConnection("127.0.0.1", server.server_address[1], timeout=10)) as connection:
        connection.request("POST", f"/commands/{name}", body, headers)
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read())


def ended(server: CommandServer, name: str, **order: Any) -> dict[str, Any]:
    for _ in range(400):
        status, answer = call(server, name, **order)
        if status != 200 or answer["state"] != "running":
            return answer
        threading.Event().wait(0.01)
    raise AssertionError("it did not end")


def test_a_key_runs_once_and_is_asked_how_far_it_is(server: CommandServer, log: Path) -> None:
    answer = ended(server, "mark", arguments={"word": "one"})
    assert (answer["state"], answer["output"], answer["detail"]) == ("done", "marked one\n", "mark ended with 0")
    assert ended(server, "mark", arguments={"word": "one"}) == answer
    assert log.read_text() == "one\n"


def test_what_would_be_shell_is_one_argument(server: CommandServer, log: Path, tmp_path: Path) -> None:
    ended(server, "mark", arguments={"word": "x; touch there"})
    assert log.read_text() == "x; touch there\n"
    assert not (tmp_path / "there").exists()


@pytest.mark.parametrize(
    ("name", "order", "status", "said"),
    [
        ("mark", {"secret": "other", "arguments": {"word": "x"}}, 401, "does not fit"),
        ("rm", {}, 404, "there are mark, fail, slow, lost"),
        ("mark", {"arguments": {"word": "X"}}, 422, "word does not fit"),
        ("mark", {"arguments": {"word": "-x"}}, 422, "word does not fit"),
        ("mark", {"arguments": {"word": "x\n"}}, 422, "word does not fit"),
        ("mark", {}, 422, "expected the arguments word"),
        ("mark", {"arguments": {"word": "x", "other": "y"}}, 422, "expected the arguments word"),
        ("mark", {"key": "", "arguments": {"word": "x"}}, 400, "expected a key"),
        ("mark", {"arguments": {"word": "x"}, "only_if_known": True}, 410, "nobody here knows"),
    ],
)
def test_anything_else_is_refused_and_nothing_runs(
    server: CommandServer, log: Path, name: str, order: dict[str, Any], status: int, said: str
) -> None:
    got, answer = call(server, name, **order)
    assert got == status
    assert said in answer["error"]
    assert not log.exists()


def test_a_dry_run_says_what_it_would_run(server: CommandServer, log: Path) -> None:
    status, answer = call(server, "fail", dry_run=True)
    assert (status, answer["detail"]) == (200, "would run false")
    assert not log.exists()


def test_failures_are_told(server: CommandServer) -> None:
    assert ended(server, "fail", key="f")["detail"] == "fail ended with 1"
    assert ended(server, "lost", key="l")["detail"].startswith("/no/such/program cannot be run")
    assert ended(server, "slow", key="s")["detail"] == "killed after 1 s"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (('argv: ["false"]', 'argv: ["{program}"], arguments: {program: ".*"}'), "a program that no argument chooses"),
        (('argv: ["false"]', 'argv: ["false", "{x}"]'), "the places (none)"),
        (('"[a-z; ]+"', '"["'), "a regular expression"),
        (("127.0.0.1:0", "here"), "address:port"),
    ],
)
def test_a_configuration_that_is_wrong_is_refused(change: tuple[str, str], said: str) -> None:
    with pytest.raises(ShapeError, match=said.replace("(", r"\(").replace(")", r"\)")):
        load((YAML % ("/s", "/l")).replace(*change), file="probes.yaml")


def test_without_a_secret_nobody_listens(tmp_path: Path) -> None:
    (tmp_path / "empty").write_text("")
    for name in ("empty", "missing"):
        with pytest.raises(BadSecret):
            CommandServer(Commands("127.0.0.1", 0, str(tmp_path / name), ()), now=lambda: NOW)


def test_off_by_default() -> None:
    assert load("gpu: auto", file="probes.yaml").commands is None
