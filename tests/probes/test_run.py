"""A running probe and its signals, for real: SIGHUP reads the configuration again."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import httpx

from probes import __main__ as cli
from probes import run, signing
from tests.probes.servers import serving, text
from tests.probes.test_agent import page
from tests.probes.test_main import _until


def test_sighup_takes_a_right_configuration_and_refuses_a_wrong_one(tmp_path: Path):
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port = one.getsockname()[1]
    url, file = f"http://127.0.0.1:{port}/metrics", tmp_path / "probes.yaml"

    def shown() -> str:
        return httpx.get(url, trust_env=False).text

    none = text("", status=404)
    with serving(metrics=text(page(tokens=41)), v1__models=none, get_server_info=none, version=none) as server:
        base = f"listen: 127.0.0.1:{port}\ngpu: simulated\ntargets:\n"
        target = '  - {{name: {name}, url: "{url}/metrics", service: chat, model: m}}\n'
        file.write_text(base + target.format(name="chat-0", url=server.url))
        command = [sys.executable, "-m", "probes", "--config", str(file)]
        probe = subprocess.Popen(command, stderr=subprocess.PIPE, env={**os.environ, "PYTHONWARNINGS": ""})
        try:
            _until(shown, contains='replica="chat-0"')
            _until(shown, contains="tailwatch_gpu_power_watts")
            _until(shown, contains='field="model_revision"')  # with the value "cannot tell"
            (replica,) = httpx.get(url.replace("metrics", "inventory.json"), trust_env=False).json()["replicas"]
            assert replica["fields"]["engine"] == {"value": "vllm", "source": "metrics page"}
            file.write_text("targets: 3\n")
            probe.send_signal(signal.SIGHUP)
            _until(shown, contains='replica="chat-0"')
            file.write_text(base + target.format(name="chat-1", url=server.url))
            probe.send_signal(signal.SIGHUP)
            after = _until(shown, contains='replica="chat-1"')
            assert 'replica="chat-0"' not in after
        finally:
            probe.send_signal(signal.SIGTERM)
            _out, errors = probe.communicate(timeout=10)
    assert probe.returncode == 0
    assert b"not reloaded: " in errors
    assert b"Traceback" not in errors


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


class Running:
    """A probe in this process: `reload` gives it a file's new text."""

    def __init__(self, file: Path, text: str, caplog) -> None:
        self.file, self.signals, self._caplog = file, run.Signals(), caplog
        file.write_text(text)
        loaded = cli._load(file)
        self.code: list[int] = []
        self.thread = threading.Thread(
            target=lambda: self.code.append(run.run(loaded, signals=self.signals, load=lambda: cli._again(file)))
        )
        self.thread.start()

    def reload(self, text: str | bytes, *, said: str) -> None:
        self._caplog.clear()
        self.file.write_bytes(text.encode() if isinstance(text, str) else text)
        self.signals.reloading()
        end = time.monotonic() + 5
        while said not in self._caplog.text:
            assert time.monotonic() < end, self._caplog.text
            self.signals.stop.wait(0.01)

    def stop(self) -> None:
        self.signals.stopping()
        self.thread.join(5)
        assert self.code == [0]


def test_a_reload_that_cannot_be_had_says_why_and_the_running_configuration_goes_on(tmp_path: Path, caplog):
    caplog.set_level("INFO")
    page, otlp, other = free_port(), free_port(), free_port()
    (tmp_path / "token").write_text("secret")
    text = "listen: 127.0.0.1:{page}\ngpu: off\nscrape_interval_seconds: 300\notlp: {{listen: '127.0.0.1:{otlp}', service: {name}}}\n"
    right = text.format(page=page, otlp=otlp, name="chat")
    probe = Running(tmp_path / "probes.yaml", right, caplog)

    def alive(*, at: int = page, to: int = otlp) -> None:
        assert httpx.get(f"http://127.0.0.1:{at}/healthz", trust_env=False).text == "ok\n"
        assert httpx.get(f"http://127.0.0.1:{at}/metrics", trust_env=False).status_code == 200
        sent = httpx.post(f"http://127.0.0.1:{to}/v1/traces", json={}, trust_env=False)
        assert sent.status_code == 200

    try:
        _until(lambda: httpx.get(f"http://127.0.0.1:{page}/healthz", trust_env=False).text, contains="ok")
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = taken.getsockname()[1]
            probe.reload(
                text.format(page=page, otlp=port, name="chat"), said=f"not reloaded: Cannot listen on 127.0.0.1:{port}"
            )
            alive()
            probe.reload(
                text.format(page=port, otlp=other, name="chat"), said=f"not reloaded: Cannot listen on 127.0.0.1:{port}"
            )
            alive()
            with socket.create_server(("127.0.0.1", other)):
                pass  # what the failed attempt would have listened on is free
        for bad, said in (
            (right + "listen_tls: {certificate: none.pem, key: none.pem}\n", "not reloaded: listen_tls: none.pem"),
            (right + "listen_auth: {user: a, password_file: none}\n", "not reloaded: listen_auth: none"),
            (right.replace("service: chat", "service: chat, token_file: none"), "not reloaded: [Errno 2]"),
            (right + "targets: 3\n", "not reloaded: "),
            (b"\xff\xfe", "expected UTF-8"),
        ):
            probe.reload(bad, said=said)
            alive()
        probe.reload(
            right.replace("chat", f"chat, token_file: {tmp_path}/token"), said="/metrics"
        )  # the same port, taken over
        assert httpx.post(f"http://127.0.0.1:{otlp}/v1/traces", json={}, trust_env=False).status_code == 401
        moved = free_port()
        probe.reload(text.format(page=moved, otlp=other, name="code"), said=f":{moved}/metrics")
        alive(at=moved, to=other)
    finally:
        probe.stop()
    for port in (page, otlp, moved, other):
        with socket.create_server(("127.0.0.1", port)):
            pass


def test_a_reload_brings_another_list_of_commands_to_the_same_port_and_keys_are_remembered(tmp_path: Path, caplog):
    caplog.set_level("INFO")
    page_port, port, moved = free_port(), free_port(), free_port()
    (tmp_path / "secret").write_text("s3cret")
    text = f"""listen: 127.0.0.1:{page_port}
gpu: off
targets_url: http://127.0.0.1:1/targets
commands:
  listen: 127.0.0.1:AT
  secret_file: {tmp_path}/secret
  allow: {{NAME: {{argv: [echo, NAME]}}}}
"""

    def written(name: str, *, at: int = port) -> str:
        return text.replace("NAME", name).replace("AT", str(at))

    def call(name: str, *, at: int = port) -> tuple[int, str]:
        body = b'{"key": "k"}'
        headers = {signing.HEADER: signing.sign(secret="s3cret", body=body, at=int(run.now()))}
        answer = httpx.post(f"http://127.0.0.1:{at}/commands/{name}", content=body, headers=headers, trust_env=False)
        return answer.status_code, str(answer.json().get("output", ""))

    probe = Running(tmp_path / "probes.yaml", written("one"), caplog)
    try:
        _until(lambda: httpx.get(f"http://127.0.0.1:{page_port}/healthz", trust_env=False).text, contains="ok")
        _until(lambda: call("one")[1], contains="one")
        probe.reload(written("two"), said="/metrics")
        assert call("one")[0] == 404
        assert call("two") == (200, "one\n")  # the key ran already
        probe.reload(written("three").replace("/secret\n", "/none\n"), said="not reloaded: commands")
        assert call("two")[0] == 200
        probe.reload(written("two", at=moved), said="/metrics")
        _until(lambda: call("two", at=moved)[1], contains="two")
        with socket.create_server(("127.0.0.1", port)):
            pass  # left free
    finally:
        probe.stop()
