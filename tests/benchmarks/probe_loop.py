"""What a running probe costs: CPU and memory of a real `python -m probes` with 1, 8 and 64 engines at 5 s and 8 simulated GPUs.

The engines are served by a process of their own and answer 45 KB of vLLM's families with counters that grow; a scraper reads the
probe's page every 5 s. CPU and memory are the probe's, from /proc. The simulated driver runs within the probe and is
counted too: of one target the share is mostly the loop's and the GPUs'.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from multiprocessing.connection import Connection
from pathlib import Path

from probes import dialects
from tests.benchmarks import Measurement

INTERVAL = 5.0
WARM_SECONDS = 8.0
BOUNDS = (
    0.001,
    0.005,
    0.01,
    0.02,
    0.04,
    0.06,
    0.08,
    0.1,
    0.25,
    0.3,
    0.5,
    0.75,
    1,
    2.5,
    5,
    7.5,
    10,
    20,
    40,
    80,
    160,
    640,
)


def measure(full: bool) -> Iterable[Measurement]:
    seconds = 60.0 if full else 20.0
    for targets in (1, 8, 64):
        cpu, mebibytes, late, failures = _run(targets, seconds=seconds)
        name = f"{targets} target{'s' if targets > 1 else ''}"
        yield _one(f"CPU-seconds a minute, {name}", 60 * cpu / seconds, "s")
        yield _one(
            f"share of a core a target, {name}", 100 * cpu / seconds / targets, "%", target=0.3 if targets > 1 else None
        )
        yield _one(f"resident memory, {name}", mebibytes, "MiB", target=80.0 if targets <= 8 else None)
        yield _one(f"latest scrape after it was due, {name}", late, "s", target=INTERVAL / 2)
        yield _one(f"scrapes that failed, {name}", failures, "scrapes", target=0.0)


def _one(metric: str, value: float, unit: str, *, target: float | None = None) -> Measurement:
    return Measurement(benchmark="probe_loop", metric=metric, value=value, unit=unit, better="lower", target=target)


def _run(targets: int, *, seconds: float) -> tuple[float, float, float, float]:
    """CPU-seconds and MiB of the probe, the latest scrape in seconds after it was due, and failed scrapes."""
    ours, theirs = multiprocessing.Pipe()
    engines = multiprocessing.get_context("spawn").Process(target=_engines, args=(theirs,), daemon=True)
    engines.start()
    try:
        port, own = ours.recv(), _free_port()
        with _probe(port, own, targets) as pid:
            _scrape_until(own, seconds=WARM_SECONDS)
            ours.send("begin")
            before = _cpu(pid)
            last = _scrape_until(own, seconds=seconds)
            cpu, mebibytes = _cpu(pid) - before, _memory(pid)
            ours.send("end")
            late = ours.recv()
    finally:
        engines.terminate()
        engines.join()
    failed = (line for line in last.splitlines() if line.startswith("tailwatch_probe_scrape_failures_total"))
    return cpu, mebibytes, late, sum(float(line.rpartition(" ")[2]) for line in failed)


@contextmanager
def _probe(port: int, own: int, targets: int) -> Iterator[int]:
    lines = [f"listen: 127.0.0.1:{own}", f"scrape_interval_seconds: {INTERVAL:g}", "gpu: simulated", "targets:"]
    lines += [
        f'  - {{name: chat-{at}, url: "http://127.0.0.1:{port}/{at}", service: chat, model: m}}'
        for at in range(targets)
    ]
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "probes.yaml"
        file.write_text("\n".join(lines), "utf-8")
        command = [sys.executable, "-m", "probes", "--config", str(file)]
        probe = subprocess.Popen(command, stderr=subprocess.DEVNULL)
        try:
            yield probe.pid
        finally:
            probe.send_signal(signal.SIGTERM)
            probe.wait(timeout=10)


def _scrape_until(port: int, *, seconds: float) -> str:
    """The probe's page every five seconds, as a Prometheus would; the last one."""
    end, text, waiter = time.monotonic() + seconds, "", threading.Event()
    while (left := end - time.monotonic()) > 0:
        waiter.wait(min(INTERVAL, left))
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as answer:
            text = answer.read().decode()
    return text


def _engines(told: Connection) -> None:
    """Serves every path with the same growing page, and notes how long after the full five seconds each scrape comes."""
    template, scrapes = _page(), 0
    late: list[float] = []

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            nonlocal scrapes
            scrapes += 1
            if "/v1/" in self.path or "version" in self.path or "info" in self.path:
                body, status = b"", 404
            else:
                late.append(time.time() % INTERVAL)  # noqa: TID251  the probe is aligned to the wall clock
                body, status = template.replace(b"@", str(scrapes).encode()), 200
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    told.send(server.server_address[1])
    told.recv()
    late.clear()
    told.recv()
    told.send(max(late, default=INTERVAL))


def _page() -> bytes:
    """vLLM's families by the dialect that reads them; @ is where a value grows."""
    vllm = next(one for one in dialects.shipped() if one.name == "vllm")
    lines = ['vllm:cache_config_info{block_size="16",engine="0"} 1.0']
    for rule in vllm.rules:
        family = rule.families[0]
        labels = 'engine="0",model_name="m"'
        names = [canonical for _, parts in rule.names()[:1] for _, canonical in parts]
        if any(name.endswith("_bucket") for name in names):
            lines += [f"# HELP {family} What a request spends there.", f"# TYPE {family} histogram"]
            lines += [f'{family}_bucket{{{labels},le="{bound}"}} @.0' for bound in (*BOUNDS, "+Inf")]
            lines += [f"{family}_sum{{{labels}}} @.5", f"{family}_count{{{labels}}} @.0"]
        else:
            value = "1795322654.17" if family == "process_start_time_seconds" else "@.0"
            lines += [f"# TYPE {family} gauge", f"{family}{{{labels}}} {value}"]
    while sum(map(len, lines)) < 45_000:  # families that nobody asked for are read over
        lines.append(f'vllm:something_else_{len(lines)}_bucket{{engine="0",le="0.5",model_name="m"}} @.0')
    return "\n".join(lines).encode() + b"\n"


def _free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def _cpu(pid: int) -> float:
    words = Path(f"/proc/{pid}/stat").read_text("ascii").rpartition(")")[2].split()
    return (int(words[11]) + int(words[12])) / os.sysconf("SC_CLK_TCK")


def _memory(pid: int) -> float:
    lines = Path(f"/proc/{pid}/status").read_text("ascii").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS:")) / 1024
