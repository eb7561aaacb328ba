"""`python -m probes`: run (the default), check, signals, references.

python -m probes --config probes.yaml               scrape, ask, export on http://127.0.0.1:9840/metrics
python -m probes check --config probes.yaml         try each target once: dialect, signals found, signals missing
python -m probes signals                            the canonical signals, and which dialect gives what
python -m probes references --config probes.yaml    ask every canary prompt and print a references file
"""

from __future__ import annotations

import argparse
import logging
import os
import signal
import sys
import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from probes import config, report
from probes.agent import Agent
from probes.config import ProbeConfig
from probes.exporter import Exporter
from probes.finder import Finder
from probes.http import HttpTransport
from probes.listener import PortTaken
from probes.nvml import NvmlReader
from probes.otlp import OtlpMissing
from probes.receivers import Receivers
from probes.shape import ShapeError

#: Started only when all others wait: so many targets and canaries may hang before they delay one that does not.
THREADS = 512


def main(arguments: Sequence[str] | None = None) -> int:
    options = _options(arguments)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s", stream=sys.stderr)
    logging.getLogger("httpx").setLevel(logging.WARNING)
    if options.command == "signals":
        sys.stdout.write(report.signals())
        return 0
    try:
        loaded = _load(Path(options.config))
    except (ShapeError, OSError) as problem:
        sys.stderr.write(f"{problem}\n")
        return 2
    if options.command == "check":
        return _check(loaded)
    if options.command == "references":
        return _references(loaded, times=options.times)
    try:
        return run(loaded, stop=_stop_on_signals())
    except (PortTaken, OtlpMissing, OSError) as problem:
        sys.stderr.write(f"{problem}\n")
        return 2


def run(loaded: ProbeConfig, *, stop: threading.Event) -> int:
    """Until `stop`: the loop in this thread, scrapes and canaries in a pool, the page in its own thread."""
    transport = HttpTransport(scrape_timeout_seconds=loaded.scrape_timeout_seconds)
    reader = _gpus(loaded, watch=True)
    pool = ThreadPoolExecutor(max_workers=THREADS, thread_name_prefix="probe")
    finder = Finder(timeout_seconds=loaded.scrape_timeout_seconds, gpus=reader)
    receivers = Receivers(loaded, started=_now())
    agent = Agent(
        loaded, transport, started=_now(), executor=pool, gpus=reader, finder=finder, more=(receivers.samples,)
    )
    with Exporter(host=loaded.host, port=loaded.port, samples=agent.page) as exporter:
        threading.Thread(target=exporter.serve_forever, kwargs={"poll_interval": 0.2}, daemon=True).start()
        logging.getLogger(__name__).info(
            "%d targets, %d canaries, %s/metrics", len(loaded.targets), len(loaded.canaries), exporter.url
        )
        while not stop.is_set():
            agent.tick(_now())
            stop.wait(min(1.0, max(0.05, agent.next_due() - _now())))
        exporter.shutdown()
    pool.shutdown(wait=False, cancel_futures=True)
    transport.close()
    finder.close()
    receivers.close()
    if reader is not None:
        reader.close()
    return 0


def _check(loaded: ProbeConfig) -> int:
    transport = HttpTransport(scrape_timeout_seconds=loaded.scrape_timeout_seconds)
    try:
        text, good = report.check(
            loaded, transport, machine=reader.read() if (reader := _gpus(loaded)) is not None else None
        )
    finally:
        transport.close()
    sys.stdout.write(text)
    return 0 if good else 1


def _references(loaded: ProbeConfig, *, times: int) -> int:
    transport = HttpTransport(scrape_timeout_seconds=loaded.scrape_timeout_seconds)
    try:
        text, problems = report.references(loaded, transport, times=times)
    finally:
        transport.close()
    sys.stdout.write(text)
    sys.stderr.write("".join(f"{problem}\n" for problem in problems))
    return 1 if problems else 0


def _load(path: Path) -> ProbeConfig:
    """References files are named relative to the config that names them."""
    return config.load(
        path.read_text("utf-8"), file=str(path), read_file=lambda name: (path.parent / name).read_text("utf-8")
    )


def _gpus(loaded: ProbeConfig, *, watch: bool = False) -> NvmlReader | None:
    return None if loaded.gpu == "off" else NvmlReader(watch=watch)


def _now() -> float:
    """The probe's only clock, in unix seconds."""
    return time.time()


def _stop_on_signals() -> threading.Event:
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    return stop


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m probes", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("command", nargs="?", default="run", choices=("run", "check", "signals", "references"))
    parser.add_argument("--config", default="probes.yaml", help="the configuration (default: probes.yaml)")
    parser.add_argument(
        "--times", type=int, default=3, help="references: answers to record for each prompt (default: 3)"
    )
    return parser.parse_args(arguments)


if __name__ == "__main__":
    code = main()
    sys.stdout.flush()
    os._exit(code)  # threads that still wait for a slow target must not hold the process: it stops within two seconds
