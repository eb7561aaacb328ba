"""A running probe and its signals, for real: SIGHUP reads the configuration again."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import httpx

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
