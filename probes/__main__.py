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
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from probes import config, procfs, report, run
from probes.config import ProbeConfig
from probes.finder import Finder
from probes.gpu import Machine
from probes.http import HttpTransport
from probes.listener import PortTaken
from probes.otlp import OtlpMissing
from probes.shape import ShapeError


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
        return run.run(loaded, signals=_signals(), load=partial(_again, Path(options.config)))
    except (PortTaken, OtlpMissing, OSError) as problem:
        sys.stderr.write(f"{problem}\n")
        return 2


def _check(loaded: ProbeConfig) -> int:
    transport = HttpTransport(scrape_timeout_seconds=loaded.scrape_timeout_seconds)
    finder = Finder(timeout_seconds=loaded.scrape_timeout_seconds)
    try:
        text, good = report.check(
            loaded, transport, machine=_looked(loaded), finder=finder, listeners=procfs.listening().values()
        )
    finally:
        transport.close()
        finder.close()
    sys.stdout.write(text)
    return 0 if good else 1


def _looked(loaded: ProbeConfig) -> Machine | None:
    """Two looks: activity is what happened between them, and events and processes are asked for by the watcher's thread."""
    reader = run.reader_of(loaded, watch=True)
    if reader is None:
        return None
    found = reader.read()
    if found.gpus:
        threading.Event().wait(1.0)
        found = reader.read()
    reader.close()
    return found


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


def _again(path: Path) -> ProbeConfig | None:
    """On SIGHUP: a configuration that is wrong is told and the running one stays."""
    try:
        return _load(path)
    except (ShapeError, OSError) as problem:
        logging.getLogger(__name__).error("not reloaded: %s", problem)
        return None


def _signals() -> run.Signals:
    signals = run.Signals()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: signals.stopping())
    signal.signal(signal.SIGHUP, lambda *_: signals.reloading())
    return signals


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
