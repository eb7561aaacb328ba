"""The command line: run, check, signals, references; and the page it exports."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from probes import __main__ as cli
from probes import report
from probes.config import ProbeConfig, Target
from probes.exporter import Exporter
from probes.exposition import Parser, series
from probes.gpu import GpuReading, Machine
from probes.listener import PortTaken
from probes.signals import SIGNALS
from tests.probes.servers import nobody, serving, silent, stream, text
from tests.probes.test_agent import Memory, page


@pytest.fixture
def exporter():
    samples = {series("tailwatch_target_up", replica=f"chat-{at}"): 1.0 for at in range(100)}
    with Exporter(host="127.0.0.1", port=0, samples=lambda: samples) as one:
        thread = threading.Thread(target=one.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield one
        one.shutdown()
        thread.join()


def test_the_page_is_an_exposition_plain_or_compressed(exporter):
    answer = httpx.get(f"{exporter.url}/metrics", headers={"accept-encoding": "gzip"}, trust_env=False)
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    assert answer.headers["content-encoding"] == "gzip"
    assert Parser().parse(answer.content) == exporter.samples()
    with urllib.request.urlopen(f"{exporter.url}/metrics") as plain:
        assert Parser().parse(plain.read()) == exporter.samples()


def test_health_head_and_an_unknown_path(exporter):
    assert httpx.get(f"{exporter.url}/healthz", trust_env=False).text == "ok\n"
    head = httpx.head(f"{exporter.url}/metrics", trust_env=False)
    assert (head.status_code, head.content) == (200, b"")
    assert httpx.get(f"{exporter.url}/", trust_env=False).status_code == 404


def test_a_port_that_is_taken_is_one_sentence(exporter, tmp_path: Path, capsys):
    port = int(exporter.url.rpartition(":")[2])
    with pytest.raises(PortTaken):
        Exporter(host="127.0.0.1", port=port, samples=dict)
    file = _file(tmp_path, f"listen: 127.0.0.1:{port}\ngpu: auto\n")
    previous = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    try:
        assert cli.main(["--config", str(file)]) == 2
    finally:
        for number, handler in zip((signal.SIGINT, signal.SIGTERM), previous, strict=True):
            signal.signal(number, handler)
    (sentence,) = [line for line in capsys.readouterr().err.splitlines() if "Cannot" in line]
    assert sentence.startswith(f"Cannot listen on 127.0.0.1:{port} (")


def _file(folder: Path, text: str) -> Path:
    file = folder / "probes.yaml"
    file.write_text(text)
    return file


def test_a_wrong_config_is_one_sentence_and_a_missing_one_too(tmp_path: Path, capsys):
    assert cli.main(["check", "--config", str(_file(tmp_path, "targets: 3\n"))]) == 2
    assert capsys.readouterr().err == f"{tmp_path}/probes.yaml: targets: found 3, expected a list\n"
    assert cli.main(["check", "--config", str(tmp_path / "none.yaml")]) == 2
    assert "No such file" in capsys.readouterr().err


def test_signals_names_each_signal_with_its_givers(capsys):
    assert cli.main(["signals"]) == 0
    vocabulary, engines, gateways, gpus, *_ = [
        {line.split()[0]: line.split() for line in part.splitlines() if line}
        for part in re.split(r"^\S.*:\n\n", capsys.readouterr().out, flags=re.MULTILINE)
    ]
    assert {one.family for one in SIGNALS.values()} <= set(vocabulary)
    for table, name, giver, gives in (
        (engines, "ttft_seconds", "sglang", "x"),
        (engines, "ttft_seconds", "tgi", "."),
        (gateways, "rejections_total", "litellm", "x"),
        (gateways, "client_ttft_seconds", "spans", "x"),
        (gpus, "gpu_power_watts", "nvml", "x"),
        (gpus, "gpu_power_watts", "dcgm", "x"),
    ):
        assert table[name][table["signal"].index(giver)] == gives


def test_check_asks_the_sources_of_targets_and_says_what_they_gave(tmp_path: Path, capsys):
    with serving(metrics=text(page())) as server:
        address = server.url.removeprefix("http://")
        (tmp_path / "sd.json").write_text(f'[{{"targets": ["{address}"], "labels": {{"service": "chat"}}}}]')
        discovery = f"discovery: [{{file_sd: '{tmp_path}/sd.json'}}, {{http_sd: '{nobody()}'}}]"
        assert cli.main(["check", "--config", str(_file(tmp_path, f"gpu: off\n{discovery}\n"))]) == 1
    out = capsys.readouterr().out
    assert f"file_sd {tmp_path}/sd.json: 1 targets" in out
    assert [line.split()[3] for line in out.splitlines() if line.startswith(address)] == ["vllm"]
    assert "connect: " in out


def test_check_tries_each_target_once_and_says_what_is_missing(tmp_path: Path, capsys):
    with serving(metrics=text(page()), other=text("up 1\n"), v1__completions=stream("Paris")) as server:
        file = _file(
            tmp_path,
            f"""
gpu: off
targets:
  - {{name: chat-0, url: "{server.url}/metrics", service: chat}}
  - {{name: other, url: "{server.url}/other", service: chat}}
  - {{name: dead, url: "{nobody()}", service: chat}}
canaries:
  - {{service: chat, url: "{server.url}", model: m, prompts: [{{name: a, text: "A?"}}]}}
""",
        )
        assert cli.main(["check", "--config", str(file)]) == 1
        rows = {line.split()[0]: line for line in capsys.readouterr().out.splitlines()}
        assert rows["chat-0"].split()[1:4] == ["6", "series", "vllm"]
        assert "4: generated_tokens_total, per_token_seconds, requests_running, requests_total" in rows["chat-0"]
        assert "ttft_seconds" in rows["chat-0"].partition("requests_total")[2]
        assert "none known" in rows["other"]
        assert "connect" in rows["dead"]
        assert "ok, 1 tokens" in rows["canary"]
        good = file.read_text().replace("  - {name: other", "#").replace("  - {name: dead", "#")
        assert cli.main(["check", "--config", str(_file(tmp_path, good))]) == 0


def test_check_shows_targets_of_a_url_and_gpus():
    memory = Memory(**{"chat-0": page()})
    memory.targets = (Target("chat-0", "http://x", "chat"),)
    machine = Machine("ok", (GpuReading("GPU-1", {"power_watts": 1.0}, states=("ok", "clock_hertz_denied")),))
    shown, good = report.check(ProbeConfig(targets_url="http://fleet"), memory, machine=machine)
    assert good
    assert "chat-0" in shown
    assert "GPU-1: sees power_watts" in shown
    assert "cannot see clock_hertz: this user may not ask for it" in shown
    assert not report.check(ProbeConfig(gpu="on"), memory, machine=Machine("no_driver"))[1]


def test_a_running_probe_exports_and_stops_within_two_seconds_of_a_signal(tmp_path: Path):
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port = one.getsockname()[1]
    with serving(metrics=text(page(tokens=41)), slow=silent) as server:
        file = _file(
            tmp_path,
            f"""
gpu: off
listen: 127.0.0.1:{port}
scrape_timeout_seconds: 10
targets:
  - {{name: chat-0, url: "{server.url}/metrics", service: chat, model: m}}
  - {{name: slow, url: "{server.url}/slow", service: chat, model: m}}
""",
        )
        command = [sys.executable, "-m", "probes", "--config", str(file)]
        probe = subprocess.Popen(command, stderr=subprocess.PIPE, env={**os.environ, "PYTHONWARNINGS": ""})
        try:
            wanted = "tailwatch_generated_tokens_total"
            found = _until(lambda: httpx.get(f"http://127.0.0.1:{port}/metrics", trust_env=False).text, contains=wanted)
            assert {value for one, value in Parser().parse(found).items() if one.name == wanted} == {41.0}
        finally:
            told = time.monotonic()
            probe.send_signal(signal.SIGTERM)
            _out, errors = probe.communicate(timeout=5)
    assert time.monotonic() - told < 2
    assert probe.returncode == 0
    assert b"Traceback" not in errors


def _until(read: Callable[[], str], *, contains: str, seconds: float = 10) -> str:
    waiter, end = threading.Event(), time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            if contains in (found := read()):
                return found
        except httpx.HTTPError:
            pass
        waiter.wait(0.05)
    raise AssertionError(f"no {contains} within {seconds} s")
