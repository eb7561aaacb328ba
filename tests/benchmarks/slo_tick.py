"""What a tick costs with thousands of objectives, from series answered by a real Prometheus: CPU-seconds of everybody."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests import servers
from tests.benchmarks import Measurement, database, slo_world

TICKS, WARM, REAL_FLEET = 10, 3, 10_000
CONFIG = "global: {scrape_interval: 1h}\n"
#: CPU-seconds at 10,000 objectives: ours with PostgreSQL and Redis, all with the Prometheus, seconds of wall clock, MiB.
OURS, ALL, WALL, MEMORY = 0.30, 0.60, 1.5, 300.0


def measure(full: bool) -> Iterator[Measurement]:
    """1,000, 3,000 and 10,000 objectives, by default with a day behind them; with --full 30,000 too, and 30 days."""
    days, sizes = (30, [1000, 3000, 10_000, 30_000]) if full else (1, [1000, 3000, 10_000])
    found = {}
    for objectives in sizes:
        found[objectives] = play(objectives, days=days)
        yield from _told(objectives, found[objectives])
    few, many = sizes[0], sizes[-1]
    yield Measurement(
        benchmark="slo_tick",
        metric=f"CPU of a tick, {many:,} objectives against {few:,}",
        value=_ours(found[many]) / _ours(found[few]),
        unit="times",
        better="lower",
        target=1.2 * many / few,
    )
    of, days = (REAL_FLEET, 1) if full else (few, 30)
    other = play(of, days=days)
    long, brief = (found[of], other) if full else (other, found[of])
    yield Measurement(
        benchmark="slo_tick",
        metric=f"CPU of a tick of {of:,}, 30 days behind it against 1 day",
        value=_ours(long) / _ours(brief),
        unit="times",
        better="lower",
        target=1.5,
    )


def play(objectives: int, *, days: int) -> dict[str, Any]:
    """A tick of so many objectives with 8 windows each: the figures of `slo_world.play`."""
    postgres = database.migrated().process
    assert postgres is not None
    folder = Path(tempfile.mkdtemp(prefix="tailwatch-bench-"))
    try:
        blocks = slo_world.blocks(slo_world.exposition(objectives // 2, ticks=WARM + TICKS), folder)
        with (
            servers.prometheus(config=CONFIG, folder=folder, blocks=blocks) as server,
            servers.redis(folder=folder) as broker,
        ):
            slo_world.build(objectives=objectives, days=days, url=server.url, label=f"tick-{days}")
            return slo_world.in_worker(
                "play",
                ticks=TICKS,
                warm=WARM,
                postgres=postgres.pid,
                prometheus=server.process.pid,
                redis=broker,
                redis_pid=_pid_of(folder / "r.sock"),
            )
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _pid_of(socket: Path) -> int:
    """The server behind a unix socket of ours."""
    for one in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if str(socket) in one.read_text(encoding="utf-8", errors="replace"):
                return int(one.parent.name)
        except OSError:
            continue
    raise RuntimeError(f"nobody serves {socket}")


def _ours(one: dict[str, Any]) -> float:
    return float(one["ours"] + one["postgres"] + one["redis"])


def _told(objectives: int, one: dict[str, Any]) -> Iterator[Measurement]:
    head = f"{objectives:,} objectives x 8 windows, {2 * objectives:,} series"
    # Below the real size a tick has fixed costs; the targets are those of 10,000 there, and shown where they are meant.
    whole = objectives == REAL_FLEET

    def figure(what: str, value: float, unit: str, target: float | None) -> Measurement:
        return Measurement(
            benchmark="slo_tick",
            metric=f"{head}: {what}",
            value=value,
            unit=unit,
            better="lower",
            target=target if whole else None,
        )

    yield figure("workers, PostgreSQL and Redis", _ours(one), "CPU-s", OURS)
    yield figure("of it workers", one["ours"], "CPU-s", None)
    yield figure("of it PostgreSQL", one["postgres"], "CPU-s", None)
    yield figure("Prometheus for our query", one["prometheus"], "CPU-s", None)
    yield figure("all together", _ours(one) + one["prometheus"], "CPU-s", ALL)
    yield figure("wall clock, median", one["wall"], "s", WALL)
    yield figure("most memory of the worker", one["memory_mib"], "MiB", MEMORY)
