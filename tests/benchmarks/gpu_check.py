"""What the probe costs and sees on a real GPU: the figures of docs/gpu-check.md. Without a GPU one sentence, and nothing measured.

A small random transformer (gpu_load) generates without end. Its tokens a second are compared with and without a probe beside it, in turns;
then it works and rests by turns of two seconds, and steadily, and the probe's own spread has to tell the two apart. torch comes from the
environment, or from the interpreter that TAILWATCH_TORCH_PYTHON names. TAILWATCH_GPU_CHECK=dry goes through all of it on the processor with
simulated GPUs: that shows that the check runs, and its figures are no GPU's.
"""

from __future__ import annotations

import os
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from probes.exposition import Parser, Samples
from probes.gpu import Machine
from probes.nvml import NvmlReader
from tests.benchmarks import Measurement
from tests.benchmarks.probe_loop import _free_port as free_port

INTERVAL = 5
READINGS = 50
LOST_PERCENT = 0.5
UNEVEN_POINTS = 15.0
START_SECONDS = 120.0


def measure(full: bool) -> Iterable[Measurement]:
    dry = os.environ.get("TAILWATCH_GPU_CHECK") == "dry"
    machine = None if dry else seen()
    if (why := reason(machine, python=torch_python())) is not None:
        sys.stderr.write(f"gpu_check: {why}\n")
        return
    if machine is not None:
        yield from _reader(machine)
    pairs, seconds = (6, 30.0) if full else (3, 10.0)
    if dry:
        pairs, seconds = 1, 4.0
    with _load(dry=dry) as port:
        without, beside = _turns(port, pairs=pairs, seconds=seconds, dry=dry)
        yield _one("tokens a second without the probe", statistics.median(without), "tokens/s", better="higher")
        yield _one("tokens a second with the probe", statistics.median(beside), "tokens/s", better="higher")
        yield _one("tokens lost to the probe", lost(without, beside), "%", target=None if dry else LOST_PERCENT)
        for what, duty, bound in (
            ("steady", "busy=1&idle=0", None),
            ("two seconds of work, two of rest", "busy=2&idle=2", UNEVEN_POINTS),
        ):
            _get(f"http://127.0.0.1:{port}/duty?{duty}")
            with _probe(port, dry=dry) as own:
                page = _page(own, after=4 * seconds)
            for name in ("gpu_utilisation_spread_points", "gpu_imbalance_points"):
                for measured, points in _worst(page, name).items():
                    target = (
                        None
                        if dry or bound is None or name.startswith("gpu_imb") or measured != "utilisation"
                        else bound
                    )
                    yield _one(
                        f"{name} of {measured}, {what}",
                        points,
                        "points",
                        better="higher" if bound else "lower",
                        target=target,
                    )


def seen() -> Machine:
    reader = NvmlReader()
    try:
        return reader.read()
    finally:
        reader.close()


def torch_python() -> str | None:
    """The interpreter that has torch; None where none was found."""
    for python in (os.environ.get("TAILWATCH_TORCH_PYTHON"), sys.executable):
        if python and subprocess.run([python, "-c", "import torch"], capture_output=True, check=False).returncode == 0:
            return python
    return None


def reason(machine: Machine | None, *, python: str | None) -> str | None:
    """Why nothing can be measured, in a sentence. `machine`: None in a dry run."""
    if machine is not None and not machine.gpus:
        return f"no GPU here ({machine.state}), so nothing was measured; docs/gpu-check.md says how to run it on one."
    if python is None:
        return "no torch here: pip install torch, or name an interpreter that has it in TAILWATCH_TORCH_PYTHON."
    return None


def lost(without: Sequence[float], beside: Sequence[float]) -> float:
    """Percent, the median over the pairs: 1000, 990 and 1010 tokens/s, beside 998, 990 and 1000, lost 0.2 %."""
    return statistics.median(100 * (1 - after / before) for before, after in zip(without, beside, strict=True))


def _one(metric: str, value: float, unit: str, *, better: str = "lower", target: float | None = None) -> Measurement:
    return Measurement(
        benchmark="gpu_check",
        metric=metric,
        value=value,
        unit=unit,
        better="higher" if better == "higher" else "lower",
        target=target,
    )


def _reader(machine: Machine) -> Iterable[Measurement]:
    """What one reading of all GPUs costs, what it lacks, and how long the driver's ring buffers are."""
    reader, costs = NvmlReader(), []
    first = reader.read()
    for _ in range(READINGS):
        begun = time.perf_counter()
        machine = reader.read()
        costs.append(time.perf_counter() - begun)
    reader.close()
    for one in machine.gpus:
        states = ", ".join(state for state in one.states if state not in ("ok", "utilisation_ratio_no_sample"))
        sys.stderr.write(f"gpu_check: {machine.facts.get(one.uuid, one.uuid)}: {states or 'everything can be read'}\n")
    yield _one(f"one reading of {len(machine.gpus)} GPUs", 1000 * statistics.median(costs), "ms")
    yield _one("its slowest", 1000 * max(costs), "ms")
    held = [float(len(one.utilisation)) for one in first.gpus if one.utilisation]
    if held:
        yield _one("seconds of utilisation in the ring buffer", min(held), "s", better="higher", target=float(INTERVAL))


def _turns(port: int, *, pairs: int, seconds: float, dry: bool) -> tuple[list[float], list[float]]:
    """Tokens a second without and with a probe, by turns, so that a board that warms up bends both alike."""
    without, beside = [], []
    _rate(port, seconds=seconds)  # the first turn warms up
    for _ in range(pairs):
        without.append(_rate(port, seconds=seconds))
        with _probe(port, dry=dry) as own:
            _page(own, after=0.0)  # its start is not what it costs while it runs
            beside.append(_rate(port, seconds=seconds))
    return without, beside


def _rate(port: int, *, seconds: float) -> float:
    url = f"http://127.0.0.1:{port}/metrics"
    before, begun = _tokens(url), time.perf_counter()
    threading.Event().wait(seconds)
    return (_tokens(url) - before) / (time.perf_counter() - begun)


def _tokens(url: str) -> float:
    return next(value for one, value in Parser().parse(_get(url)).items() if one.name == "vllm:generation_tokens_total")


def _worst(page: Samples, name: str) -> dict[str, float]:
    """The largest over GPUs or groups, by what it was taken of."""
    found: dict[str, float] = {}
    for one, value in page.items():
        if one.name == f"tailwatch_{name}":
            measured = one.label("reason") or ""
            found[measured] = max(value, found.get(measured, 0.0))
    return found


@contextmanager
def _load(*, dry: bool) -> Iterator[int]:
    port = free_port()
    sizes = ["--device", "cpu", "--width", "64", "--layers", "1", "--batch", "2"] if dry else []
    command = [torch_python() or sys.executable, "-m", "tests.benchmarks.gpu_load", "--port", str(port), *sizes]
    with _running(command):
        _wait(f"http://127.0.0.1:{port}/metrics", seconds=START_SECONDS)
        yield port


@contextmanager
def _probe(port: int, *, dry: bool) -> Iterator[int]:
    own = free_port()
    base = f"http://127.0.0.1:{port}"
    text = (
        f"listen: 127.0.0.1:{own}\nscrape_interval_seconds: {INTERVAL}\ngpu: {'simulated' if dry else 'on'}\ngpu_service: load\n"
        f"targets: [{{name: load, url: '{base}/metrics', service: load}}]\n"
        f"canaries: [{{service: load, url: '{base}', model: random, max_tokens: 16, prompts: [{{name: a, text: A}}]}}]\n"
    )
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "probes.yaml"
        file.write_text(text, "utf-8")
        with _running([sys.executable, "-m", "probes", "--config", str(file)]):
            _wait(f"http://127.0.0.1:{own}/healthz", seconds=START_SECONDS)
            yield own


@contextmanager
def _running(command: Sequence[str]) -> Iterator[None]:
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    try:
        yield
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=20)


def _page(own: int, *, after: float) -> Samples:
    threading.Event().wait(after)
    return Parser().parse(_get(f"http://127.0.0.1:{own}/metrics"))


def _wait(url: str, *, seconds: float) -> None:
    end, pause = time.monotonic() + seconds, threading.Event()
    while True:
        try:
            _get(url)
            return
        except OSError:
            if time.monotonic() > end:
                raise
            pause.wait(0.2)


def _get(url: str) -> bytes:
    with urllib.request.urlopen(url, timeout=10) as answer:
        return bytes(answer.read())
