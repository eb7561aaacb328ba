"""Diagnosis: faults played through the whole path and healthy days, scored beside burn-rate alerts alone and published rules.

    python -m tests.benchmarks diagnosis                                24 faults, 4 draws each, 2 healthy days, the burst
    python -m tests.benchmarks diagnosis --faults stall,kpi-falls --draws 1 --days 0
    python -m tests.benchmarks diagnosis --full --rows rows.jsonl       every fault, 20 draws each, 30 days; goes on where it stopped

docs/diagnosis-benchmark.md says how a run goes and what is counted.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import traceback
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from hashlib import blake2s
from pathlib import Path

from tests.benchmarks import Measurement, database, diagnosis_burst, diagnosis_healthy, diagnosis_play
from tests.benchmarks.diagnosis_draws import USUAL, Draw, draws
from tests.benchmarks.diagnosis_score import HALVES, Score, half, score, table
from tests.benchmarks.diagnosis_world import TUESDAY, Row, build_template, fleet, side_by_side

ROOT = Path(__file__).parents[2]
#: What a row depends on: a row of other code is played anew.
CODE = ("probes", "sloengine", "incidents", "observability")
BY_NAME = True
MONTH_DAYS, WEEK_DAYS = 30.0, 7.0


@dataclass(frozen=True, slots=True)
class Asked:
    faults: tuple[str, ...] = ()
    draws: int | None = None
    days: int | None = None
    only: str = "all"  # even | odd | all
    rows: Path | None = None


def add_arguments(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("diagnosis")
    group.add_argument("--faults", default="", metavar="A,B", help="of the diagnosis benchmark only these faults")
    group.add_argument("--draws", type=int, metavar="N", help="draws a fault (4; with --full 20)")
    group.add_argument("--days", type=int, metavar="N", help="healthy days (2; with --full 30)")
    group.add_argument(
        "--half", choices=["even", "odd", "all"], default="all", help="even draws may be looked at while tuning"
    )
    group.add_argument(
        "--rows", type=Path, metavar="FILE", help="rows are kept there, one JSON object a line, and not played again"
    )


def asked(options: argparse.Namespace) -> Asked:
    faults = tuple(filter(None, options.faults.split(",")))
    return Asked(faults, options.draws, options.days, options.half, options.rows)


def measure(full: bool, asked: Asked | None = None) -> Iterator[Measurement]:
    database.migrated()
    asked = asked or Asked()
    from probes.simfleet.faults import FAULTS

    if strangers := [name for name in asked.faults if name not in FAULTS]:
        raise SystemExit(f"no fault {', '.join(strangers)}; there are {', '.join(FAULTS)}")
    names = asked.faults or (tuple(FAULTS) if full else USUAL)
    count = asked.draws or (20 if full else 4)
    # Draws of a hypercube belong together: --draws 1 takes the first of the usual four.
    chosen = [one for name in names for one in draws(name, count=20 if full else 4, config=fleet("generator"))[:count]]
    chosen = [one for one in chosen if asked.only == "all" or one.number % 2 == (asked.only == "odd")]
    days = range((30 if full else 2) if asked.days is None else asked.days)
    with tempfile.TemporaryDirectory(prefix="tailwatch-diagnosis-") as folder:
        kept = _Kept(asked.rows)
        faults = list(_faults(chosen, kept, Path(folder)))
        healthy = list(_healthy(days, kept, Path(folder)))
        burst = list(_played({"burst": diagnosis_burst.play}, kept, Path(folder))) if not asked.faults else []
    if faults:
        print(table(faults), file=sys.stderr)
        for row in faults:
            if half(row) == HALVES[0] and row["leaf"] != row["expected_leaf"]:
                print(f"{row['fault']}/{row['number']}: {row['leaf']} {' > '.join(row['path'])}", file=sys.stderr)
    for row in healthy:
        print(f"healthy day {row['day']}: {row['pages']} pages; {'; '.join(row['what']) or 'nothing'}", file=sys.stderr)
    yield from _measurements(faults, healthy, burst)


class _Kept:
    """Rows by key and code, in a file that a later run goes on with."""

    def __init__(self, path: Path | None) -> None:
        self._path, self.code = path, _code()
        self.rows: dict[str, Row] = {}
        if path is not None and path.exists():
            for line in path.read_text(encoding="utf-8").splitlines():
                row = json.loads(line)
                if row.get("code") == self.code:
                    self.rows[row["key"]] = row

    def add(self, key: str, row: Row) -> Row:
        row |= {"key": key, "code": self.code}
        if self._path is not None:
            with self._path.open("a", encoding="utf-8") as out:
                out.write(json.dumps(row) + "\n")
        return row


def _code() -> str:
    digest = blake2s(digest_size=8)
    for package in CODE:
        for path in sorted((ROOT / package).rglob("*")):
            if path.suffix in (".py", ".yaml", ".md"):
                digest.update(path.read_bytes())
    return digest.hexdigest()


def _played(jobs: dict[str, Callable[[], Row]], kept: _Kept, folder: Path) -> Iterator[Row]:
    """Rows that are kept, then those that have to be played, two at a time."""
    yield from (kept.rows[key] for key in jobs if key in kept.rows)
    left = {key: partial(_keyed, key, job) for key, job in jobs.items() if key not in kept.rows}
    broken = []
    for row in side_by_side(list(left.values()), folder):
        if "error" in row:
            broken.append(f"{row.get('key', 'a run')} broke:\n{row['error']}")
            continue
        yield kept.add(row["key"], row)
    if broken:  # at the end: what was played by then is kept, and only these are played again
        raise RuntimeError("\n".join(broken))


def _keyed(key: str, job: Callable[[], Row]) -> Row:
    try:
        return {**job(), "key": key}
    except Exception:
        return {"key": key, "error": traceback.format_exc()}


def _faults(chosen: Sequence[Draw], kept: _Kept, folder: Path) -> Iterator[Row]:
    """Draws of one hour and traffic start from one template, which is built when it is first needed."""
    left = [one for one in chosen if one.key not in kept.rows]
    hours = {one.template: (one.hour, one.traffic) for one in left}
    build = [
        partial(build_template, name, start=TUESDAY + timedelta(hours=hour), traffic=traffic)
        for name, (hour, traffic) in hours.items()
    ]
    _built(build, folder)
    rows = _played({one.key: partial(diagnosis_play.play, one) for one in chosen}, kept, folder)
    places = {one.key: at for at, one in enumerate(chosen)}
    yield from sorted(rows, key=lambda row: places[row["key"]])


def _healthy(days: Sequence[int], kept: _Kept, folder: Path) -> Iterator[Row]:
    names = {diagnosis_healthy.template(day): day % 7 for day in days if f"healthy/{day}" not in kept.rows}
    _built(
        [
            partial(build_template, name, start=TUESDAY + timedelta(days=of), traffic="trace")
            for name, of in names.items()
        ],
        folder,
    )
    yield from _played({f"healthy/{day}": partial(diagnosis_healthy.play, day) for day in days}, kept, folder)


def _built(jobs: Sequence[Callable[[], Row]], folder: Path) -> None:
    for row in side_by_side(jobs, folder):
        if "error" in row:
            raise RuntimeError(row["error"])


def _measurements(faults: Sequence[Row], healthy: Sequence[Row], burst: Sequence[Row]) -> Iterator[Measurement]:
    if faults:
        yield from _scored("", score(faults), hard=[row for row in faults if row["hard"]])
        for name in HALVES:
            if mine := [row for row in faults if half(row) == name]:
                one = score(mine)
                for what, share in (("detected", one.detected), ("branch right", one.branch), ("leaf right", one.leaf)):
                    yield _share(f"{what}, draws {name}", share)
        yield _cost("processor seconds a draw", faults)
    if healthy:
        days = len(healthy)
        pages, low = sum(row["pages"] for row in healthy), sum(row["low"] for row in healthy)
        ruled = sum(sum(row["rules"].values()) for row in healthy)
        yield _count(
            "false pages in 30 healthy days", pages * MONTH_DAYS / days, 0.0, ruled * MONTH_DAYS / days, "rules"
        )
        yield _count("false low-severity incidents a healthy week", low * WEEK_DAYS / days, 1.0)
        yield _cost("processor seconds a healthy day", healthy)
    for row in burst:
        yield Measurement(
            benchmark="diagnosis",
            metric="burst of 50,000 requests/s for 10 s: printed share within 300 ms less the truth",
            value=abs(row["printed"] - row["truth"]),
            unit="share",
            better="lower",
            target=0.0,
        )


def _scored(_name: str, one: Score, *, hard: Sequence[Row]) -> Iterator[Measurement]:
    burn = ("burn-rate alerts alone", one.burn_detected)
    yield _share("detected", one.detected, 0.98, burn[1], burn[0])
    yield _share("detected, published rules", one.rules_detected)
    yield _share("first branch right", one.branch, 0.95)
    yield _share("leaf right", one.leaf, 0.85)
    yield _share("leaf among the first three", one.top3, 0.95)
    yield _share("runbook right", one.runbook, 0.85)
    yield _share("exactly one incident", one.one_incident, 0.95)
    yield _share("cleared after the end", one.cleared)
    yield _count("pages for something else", float(one.false_pages), 0.0)
    if hard and (seconds := score(hard).seconds) is not None:
        yield _time("median time to detect, hard faults", seconds, 90.0, score(hard).burn_seconds, burn[0])
    if one.seconds is not None:
        yield _time("median time to detect", one.seconds, None, one.burn_seconds, burn[0])
        yield _time("median time to detect, against the rules", one.seconds, None, one.rules_seconds, "published rules")


def _share(
    metric: str, value: float, target: float | None = None, baseline: float | None = None, name: str | None = None
) -> Measurement:
    return Measurement(
        benchmark="diagnosis", metric=metric, value=value, unit="share", better="higher", target=target,
        baseline=baseline, baseline_name=name,
    )  # fmt: skip


def _count(
    metric: str, value: float, target: float | None, baseline: float | None = None, name: str | None = None
) -> Measurement:
    return Measurement(
        benchmark="diagnosis", metric=metric, value=value, unit="", better="lower", target=target,
        baseline=baseline, baseline_name=name,
    )  # fmt: skip


def _time(metric: str, value: float, target: float | None, baseline: float | None, name: str) -> Measurement:
    return Measurement(
        benchmark="diagnosis", metric=metric, value=value, unit="s", better="lower", target=target,
        baseline=baseline, baseline_name=name if baseline is not None else None,
    )  # fmt: skip


def _cost(metric: str, rows: Sequence[Row]) -> Measurement:
    """Ours and the database server's."""
    spent = sum(row["cpu_seconds"] + row["server_cpu_seconds"] for row in rows) / len(rows)
    return Measurement(benchmark="diagnosis", metric=metric, value=spent, unit="s", better="lower")
