"""`python -m probes.simfleet [--config fleet.yaml] [--host 127.0.0.1] [--port 9850]`: the simulated fleet in wall time."""

from __future__ import annotations

import argparse
import logging
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

from probes import shape
from probes.shape import ShapeError
from probes.simfleet import loader
from probes.simfleet.config import FleetConfig, default_config
from probes.simfleet.server import FleetServer, PortTaken
from probes.simfleet.traffic import BadTrace


def main(arguments: Sequence[str] | None = None) -> int:
    options = _options(arguments)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s", stream=sys.stderr)
    try:
        secret = _secret(options.control_secret_file)
        server = FleetServer(_config(options.config), host=options.host, port=options.port, control_secret=secret)
    except (ShapeError, BadTrace, PortTaken) as problem:
        sys.stderr.write(f"{problem}\n")
        return 2
    # Blocked in every thread and waited for in this one: no handler that could run in the middle of a lock.
    ends = {signal.SIGTERM, signal.SIGINT}
    signal.pthread_sigmask(signal.SIG_BLOCK, ends)
    server.start()
    logging.getLogger("simfleet").info("simulated fleet of %d targets on %s", len(server.fleet.targets), server.url)
    signal.sigwait(ends)
    server.stop()
    return 0


def _secret(path: Path | None) -> str:
    if path is None:
        return ""
    try:
        found = path.read_text("utf-8").strip()
    except (OSError, UnicodeDecodeError) as problem:
        raise ShapeError(str(path), "(whole file)", str(problem), "a readable file with the secret") from None
    return found or shape.Node(str(path), "", found).wrong("a secret")


def _config(path: Path | None) -> FleetConfig:
    if path is None:
        return default_config()
    try:
        text = path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as problem:
        raise ShapeError(str(path), "(whole file)", str(problem), "a readable YAML file") from None
    return loader.load(text, file=str(path))


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m probes.simfleet", description="A simulated serving fleet.")
    parser.add_argument("--config", type=Path, help="fleet.yaml; without it chat (4), code (3), batch (2)")
    parser.add_argument("--host", help="address to listen on (default: the configuration's, else 127.0.0.1)")
    parser.add_argument(
        "--port", type=int, help="port to listen on, 0 for any (default: the configuration's, else 9850)"
    )
    parser.add_argument(
        "--control-secret-file",
        type=Path,
        help="a file with the secret that signs orders to POST /control; without it none are taken",
    )
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
