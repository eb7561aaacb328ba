"""`python -m probes`: run (the default), check, signals, references.

python -m probes --config probes.yaml               scrape, ask, export on http://127.0.0.1:9840/metrics
python -m probes check --config probes.yaml         try each target once: dialect, signals found, signals missing
python -m probes signals                            the canonical signals, and which dialect gives what
python -m probes references record --into DIR       ask every prompt, write a reference set; also compare, sign, declare
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

from probes import config, procfs, references_command, report, run
from probes.config import ProbeConfig
from probes.finder import Finder
from probes.gpu import Machine
from probes.http import HttpTransport
from probes.listener import PortTaken
from probes.nvml import NvmlReader
from probes.otlp import OtlpMissing
from probes.shape import ShapeError

log = logging.getLogger(__name__)


def main(arguments: Sequence[str] | None = None) -> int:
    options = _options(arguments)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s", stream=sys.stderr)
    logging.getLogger("httpx").setLevel(logging.WARNING)
    if options.command == "signals":
        sys.stdout.write(report.signals())
        return 0
    try:
        if options.command == "references" and options.action != "record" and not Path(options.config).exists():
            return references_command.main(options, None, None, now=run.now())
        loaded = _load(Path(options.config))
        if options.command == "references":
            return _references(loaded, options)
    except (ShapeError, OSError) as problem:
        sys.stderr.write(f"{problem}\n")
        return 2
    if options.command == "check":
        return _check(loaded)
    try:
        return run.run(loaded, signals=_signals(), load=partial(_again, Path(options.config)))
    except (PortTaken, OtlpMissing, OSError) as problem:
        sys.stderr.write(f"{problem}\n")
        return 2


def _check(loaded: ProbeConfig) -> int:
    transport = HttpTransport(scrape_timeout_seconds=loaded.scrape_timeout_seconds)
    reader = run.reader_of(loaded, watch=True)
    finder = Finder(timeout_seconds=loaded.scrape_timeout_seconds, gpus=reader, kubelet_socket=loaded.kubelet_socket)
    try:
        text, good = report.check(
            loaded, transport, machine=_looked(reader), finder=finder, listeners=procfs.listening().values()
        )
    finally:
        transport.close()
        finder.close()
    sys.stdout.write(text)
    return 0 if good else 1


def _looked(reader: NvmlReader | None) -> Machine | None:
    """Two looks: activity is what happened between them, and events and processes are asked for by the watcher's thread."""
    if reader is None:
        return None
    found = reader.read()
    if found.gpus:
        threading.Event().wait(1.0)
        found = reader.read()
    reader.close()
    return found


def _references(loaded: ProbeConfig, options: argparse.Namespace) -> int:
    transport = HttpTransport(scrape_timeout_seconds=loaded.scrape_timeout_seconds)
    try:
        return references_command.main(options, loaded, transport, now=run.now())
    finally:
        transport.close()


def _load(path: Path) -> ProbeConfig:
    """References files are named relative to the config that names them."""
    try:
        text = path.read_text("utf-8")
    except UnicodeDecodeError as problem:
        raise ShapeError(str(path), "(whole file)", str(problem), "UTF-8") from None
    return config.load(text, file=str(path), read_file=lambda name: (path.parent / name).read_text("utf-8"))


def _again(path: Path) -> ProbeConfig | None:
    """On SIGHUP: a configuration that is wrong is told and the running one stays."""
    try:
        return _load(path)
    except (ShapeError, OSError) as problem:
        log.error("not reloaded: %s", problem)
    except Exception:
        log.exception("not reloaded: the configuration broke what reads it")
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
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument(
        "--config", default=argparse.SUPPRESS, help="the configuration (default: probes.yaml)", metavar="FILE"
    )
    parser.add_argument("--config", default="probes.yaml", help=argparse.SUPPRESS)
    commands = parser.add_subparsers(dest="command", metavar="run|check|signals|references")
    parser.set_defaults(command="run")
    for name in ("run", "check", "signals"):
        commands.add_parser(name, parents=[common])
    actions = commands.add_parser(
        "references", description=references_command.__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    ).add_subparsers(dest="action", required=True)
    record = actions.add_parser("record", parents=[common])
    record.add_argument("--into", default="references", help="folder of the sets (default: references)")
    record.add_argument("--times", type=int, default=5, help="answers to record for each prompt (default: 5)")
    compare = actions.add_parser("compare", parents=[common])
    compare.add_argument("old")
    compare.add_argument("new")
    sign = actions.add_parser("sign", parents=[common])
    declare = actions.add_parser("declare", parents=[common])
    for one in (sign, declare):
        one.add_argument("file")
        one.add_argument("--by", required=True, help="who: a name")
    declare.add_argument("--model-version", required=True, help="the version that is going to answer")
    declare.add_argument("--because", required=True, help="why answers will differ")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    code = main()
    sys.stdout.flush()
    os._exit(code)  # threads that still wait for a slow target must not hold the process: it stops within two seconds
