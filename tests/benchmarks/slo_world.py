"""A fleet of many objectives for the slo_* benchmarks: services x tenants, each promising availability and a fast first token.

Four series and two objectives a tenant: requests ok and failed, first tokens within 0.25 s and all of them. History is written
straight into the tiers; live ticks are answered by a real Prometheus over blocks that promtool wrote.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from probes.exposition import Series, series

if TYPE_CHECKING:
    from sloengine.collect.models import MetricSource

#: Not a full hour: a tick that lands in every tier would be measured as if every tick did.
NOW = datetime(2026, 11, 17, 9, 2, 30, tzinfo=UTC)
TICK = timedelta(seconds=30)
TENANTS = 50
CLOCK = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class World:
    source: MetricSource
    names: list[Series]
    objectives: int
    backfill_seconds: float
    first_seconds: float


def names(pairs: int) -> list[Series]:
    """The series of so many tenants, 50 a service."""
    found = []
    for number in range(pairs):
        mine = {"service": f"s{number // TENANTS}", "tenant": f"t{number % TENANTS}", "model": "m", "version": "1"}
        found += [series("tailwatch_requests_total", outcome=outcome, **mine) for outcome in ("ok", "error")]
        found += [
            series("tailwatch_ttft_seconds_bucket", le="0.25", **mine),
            series("tailwatch_ttft_seconds_count", **mine),
        ]
    return found


def increments(pairs: int, *, seconds: float, seed: int) -> np.ndarray[Any, np.dtype[np.float64]]:
    """What each series adds in a step: a request a second, 1 in 2,000 fails, 2 in 100 first tokens are late."""
    random = np.random.default_rng(seed)
    total = random.poisson(seconds, pairs).astype(float)
    failed, late = random.binomial(total.astype(int), 0.0005), random.binomial(total.astype(int), 0.02)
    return np.stack([total - failed, failed, total - late, total], axis=1).reshape(-1)


def instants(days: int) -> list[datetime]:
    """Where the tiers keep rows: hours, 5 minutes for 4 days, every tick for 7 hours; of a day alone every tick for an hour only,
    which is quicker to make, and a tick reads as many rows."""
    from sloengine.budgets.slices import ticks_between

    found = ticks_between(start=NOW - timedelta(days=days), end=NOW, now=NOW)
    dense = NOW - timedelta(hours=1 if days == 1 else 7)
    return [one for one in found if one >= dense or one.timestamp() % 300 == 0]


def build(*, objectives: int, days: int, url: str = "", label: str = "", past_days: int = 30) -> World:
    """Objectives of 30 days with so many days behind them, all of it evaluated once; `past_days` of it for each objective."""
    from sloengine.budgets.services import evaluate_due
    from sloengine.catalog.models import Service
    from sloengine.collect.models import MetricSource
    from sloengine.objectives.models import Objective
    from sloengine.rollups.services import Chunk, backfill
    from tests import factories

    MetricSource.objects.update(enabled=False)  # other benchmarks of this run left theirs in the same database
    organisation = factories.make_organisation(f"slo-{objectives}-{label}")
    source = MetricSource.objects.create(
        organisation=organisation,
        name=f"slo-{objectives}",
        kind=MetricSource.Kind.PROMETHEUS if url else MetricSource.Kind.MEMORY,
        url=url or "memory:none",
    )
    pairs = objectives // 2
    of = names(pairs)
    ticks = instants(days)
    began = time.perf_counter()
    steps = [(after - before).total_seconds() for before, after in zip([ticks[0] - TICK, *ticks], ticks, strict=False)]

    def chunks() -> Iterator[Chunk]:
        for first in range(0, len(ticks), 200):
            some = range(first, min(first + 200, len(ticks)))
            # One draw, moved around: noise enough for sizes, and quick to make.
            drawn = {step: increments(pairs, seconds=step, seed=first) for step in {steps[i] for i in some}}
            yield Chunk([ticks[i] for i in some], of, np.stack([np.roll(drawn[steps[i]], 4 * i) for i in some]))

    backfill(source=source, chunks=chunks(), now=NOW)
    filled = time.perf_counter()
    services = {one.slug: one for one in Service.objects.filter(organisation=organisation)}
    rows = []
    for number in range(pairs):
        common = {
            "organisation": organisation,
            "service": services[f"s{number // TENANTS}"],
            "where": {"tenant": f"t{number % TENANTS}"},
            "window": timedelta(days=past_days),
            "created_at": NOW,
            "changed_at": NOW,
        }
        rows.append(
            Objective(
                **common,
                slug=f"up-{number}",
                title="Answered",
                indicator="availability",
                method="occurrences",
                target="0.99",
            )
        )
        rows.append(
            Objective(
                **common, slug=f"fast-{number}", title="First token", indicator="ttft", method="timeslices", target="0.9",
                threshold=0.25, slice_seconds=60, slice_target=0.8,
            )
        )  # fmt: skip
    Objective.objects.bulk_create(rows, batch_size=2000)
    began_first = time.perf_counter()
    assert evaluate_due(now=NOW) == 1, "the first evaluation failed; its log says why"
    Objective.objects.filter(organisation=organisation).update(window=timedelta(days=30))
    return World(source, of, objectives, filled - began, time.perf_counter() - began_first)


def exposition(pairs: int, *, ticks: int) -> Iterator[str]:
    """OpenMetrics text of the ticks after NOW, series by series."""
    added = np.stack([increments(pairs, seconds=30, seed=1000 + tick) for tick in range(ticks + 1)])
    values = added.cumsum(axis=0)
    stamps = [(NOW + tick * TICK).timestamp() for tick in range(ticks + 1)]
    by_name: dict[str, list[int]] = {}
    of = names(pairs)
    for index, one in enumerate(of):
        by_name.setdefault(one.name, []).append(index)
    for name, indexes in by_name.items():
        yield f"# TYPE {name} unknown\n"
        for index in indexes:
            labels = ",".join(f'{key}="{value}"' for key, value in of[index].labels)
            head = f"{name}{{{labels}}}"
            for tick, stamp in enumerate(stamps):
                yield f"{head} {values[tick, index]:.0f} {stamp:.0f}\n"
    yield "# EOF\n"


def blocks(text: Iterator[str], folder: Path, *, longest: str = "2h") -> Path:
    """These samples as the blocks of a Prometheus, compacted up to so long."""
    if shutil.which("promtool") is None:
        raise RuntimeError("promtool is not installed: this benchmark needs a real Prometheus (Debian: prometheus)")
    source, target = folder / "history.om", folder / "data"
    with source.open("w", encoding="utf-8") as file:
        file.writelines(text)
    subprocess.run(
        [
            "promtool",
            "tsdb",
            "create-blocks-from",
            f"--max-block-duration={longest}",
            "openmetrics",
            "--quiet",
            str(source),
            str(target),
        ],
        check=True,
        stdout=subprocess.DEVNULL,
    )
    source.unlink()
    return target


def cpu_of(pid: int, *, children: bool = False) -> float:
    """CPU-seconds of a process so far, with those of its children that ended, and of those that live if asked."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    own = sum(int(fields[place]) for place in (11, 12, *((13, 14) if children else ()))) / CLOCK
    if not children:
        return own
    for one in Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split():
        own += cpu_of(int(one), children=True)
    return own


def in_worker(function: str, **arguments: Any) -> dict[str, Any]:
    """What a function of this module says in a process of its own, as a worker is one: its memory is not ours."""
    code = (
        "import json, sys; from tests.benchmarks import slo_world;"
        "slo_world.connect(); print(json.dumps(getattr(slo_world, sys.argv[1])(**json.loads(sys.argv[2]))))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, function, json.dumps(arguments)], check=True, capture_output=True, text=True
    )
    return dict(json.loads(done.stdout.splitlines()[-1]))


def connect() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "observability.settings")
    import django

    django.setup()


def play(*, ticks: int, warm: int, postgres: int, prometheus: int, redis: str, redis_pid: int) -> dict[str, Any]:
    """Plays ticks after NOW: CPU-seconds of each part a tick, wall-clock seconds of each, memory."""
    from kombu import Connection

    from sloengine.budgets.services import evaluate_due
    from sloengine.collect.services import catch_up_due, collect_due

    def spent() -> Sequence[float]:
        return (
            time.process_time(),
            cpu_of(postgres, children=True),
            cpu_of(redis_pid),
            cpu_of(prometheus) if prometheus else 0.0,
        )

    wall: list[float] = []
    before = spent()
    with Connection(redis) as broker:
        queue = broker.SimpleQueue("ticks")
        for number in range(1, warm + ticks + 1):
            if number == warm + 1:
                before, wall = spent(), []
            began = time.perf_counter()
            queue.put({"task": "collect_due", "tick": number})  # one message a source and tick
            queue.get(timeout=5).ack()
            now = NOW + number * TICK
            counted = collect_due(now=now) + catch_up_due(now=now)
            evaluated = evaluate_due(now=now)
            assert (counted, evaluated) == (1, 1), f"tick {number}: {counted} collected, {evaluated} evaluated"
            wall.append(time.perf_counter() - began)
    ours, database, broker_cpu, source = ((after - first) / ticks for first, after in zip(before, spent(), strict=True))
    status = Path("/proc/self/status").read_text(encoding="ascii")
    peak = next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM"))
    return {
        "ours": ours, "postgres": database, "redis": broker_cpu, "prometheus": source, "wall": sorted(wall)[len(wall) // 2],
        "wall_most": max(wall), "memory_mib": peak / 1024,
    }  # fmt: skip
