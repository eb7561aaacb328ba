"""A fleet as it is: hundreds of targets whose pods are replaced all day, 200 objectives; what a tick costs, and one with a birth."""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterator
from datetime import timedelta

from probes.exposition import Samples, Series, series
from tests.benchmarks import Measurement, database, slo_world

BOUNDS = ("0.025", "0.05", "0.1", "0.25", "0.3", "0.5", "1.0", "2.5", "5.0", "10.0", "+Inf")
HISTOGRAMS = ("ttft_seconds", "e2e_seconds", "queue_seconds", "inter_token_seconds")
SERVICES, OBJECTIVES = 20, 200
#: 30 % of 400 pods a day are one in 24 ticks of 30 s.
TICKS_A_BIRTH = 24


def measure(full: bool) -> Iterator[Measurement]:
    postgres = database.migrated().process
    assert postgres is not None
    from sloengine.budgets.services import evaluate_due
    from sloengine.catalog.models import Service
    from sloengine.collect.models import MetricSource
    from sloengine.collect.services import collect_reading
    from sloengine.objectives.models import Objective
    from sloengine.rollups.services import ensure_partitions
    from sloengine.sources.base import Reading
    from tests import factories

    targets = 400 if full else 100
    MetricSource.objects.update(enabled=False)
    organisation = factories.make_organisation(f"fleet-{targets}")
    source = MetricSource.objects.create(organisation=organisation, name="fleet", kind="memory", url="memory:none")
    ensure_partitions(now=slo_world.NOW)
    pods = [_pod(number, f"pod-{number}") for number in range(targets)]
    samples: Samples = {one: 1.0 for pod in pods for one in pod}
    quiet: list[float] = []
    births: list[float] = []
    database_cpu = 0.0
    ticks = 3 * TICKS_A_BIRTH if full else TICKS_A_BIRTH
    for number in range(ticks + 4):
        if number == 1:
            _promise(organisation, Service, Objective)
        birth = number > 4 and number % TICKS_A_BIRTH == TICKS_A_BIRTH // 2
        if birth:
            place = number % targets
            for one in pods[place]:
                del samples[one]
            pods[place] = _pod(place, f"pod-new-{number}")
            samples.update(dict.fromkeys(pods[place], 0.0))
        for one in samples:
            samples[one] += 1.0
        now = slo_world.NOW + number * slo_world.TICK
        before, began = slo_world.cpu_of(postgres.pid, children=True), time.process_time()
        collect_reading(source=source, reading=Reading(now, dict(samples)))
        evaluate_due(now=now)
        spent = time.process_time() - began
        if number >= 4:
            (births if birth else quiet).append(spent)
            database_cpu += slo_world.cpu_of(postgres.pid, children=True) - before
    head = f"{targets} targets x {len(pods[0])} series read, {OBJECTIVES} objectives"
    scale = targets / 400

    def figure(what: str, value: float, target: float | None = None) -> Measurement:
        return Measurement(
            benchmark="slo_fleet", metric=f"{head}: {what}", value=value, unit="CPU-s", better="lower", target=target
        )

    yield figure("worker, tick without a change", statistics.median(quiet), 0.30 * scale)
    yield figure("worker, tick that replaces a pod", statistics.median(births), 0.60 * scale)
    yield figure("worker, mean at 30 % of pods a day", statistics.mean([*quiet, *births]))
    yield figure("PostgreSQL, mean", database_cpu / ticks)


def _pod(number: int, name: str) -> list[Series]:
    """The 60 or so series of a target that objectives and signals name; it has ten times as many that are not read."""
    mine = {"service": f"fleet-{number % SERVICES}", "model": "m", "version": "1", "region": "eu", "replica": name}
    found = [series("tailwatch_requests_total", outcome=one, **mine) for one in ("ok", "error", "timeout", "rejected")]
    for family in HISTOGRAMS:
        found += [series(f"tailwatch_{family}_bucket", le=le, **mine) for le in BOUNDS]
        found += [series(f"tailwatch_{family}_{part}", **mine) for part in ("sum", "count")]
    gauges = (
        "requests_running",
        "requests_waiting",
        "kv_cache_ratio",
        "target_up",
        "config_info",
        "process_start_seconds",
    )
    return [*found, *(series(f"tailwatch_{name}", **mine) for name in gauges)]


def _promise(organisation: object, services: type, objectives: type) -> None:
    of = {one.slug: one for one in services.objects.filter(organisation=organisation)}  # type: ignore[attr-defined]
    common = {"organisation": organisation, "window": timedelta(days=30), "created_at": slo_world.NOW}
    rows = []
    for number in range(OBJECTIVES):
        mine = {
            **common,
            "service": of[f"fleet-{number % SERVICES}"],
            "changed_at": slo_world.NOW,
            "slug": f"o-{number}",
        }
        if number % 2:
            rows.append(
                objectives(**mine, title="Answered", indicator="availability", method="occurrences", target="0.99")
            )
        else:
            rows.append(
                objectives(
                    **mine, title="First token", indicator="ttft", method="timeslices", target="0.9", threshold=0.25,
                    slice_seconds=60, slice_target=0.05,
                )
            )  # fmt: skip
    objectives.objects.bulk_create(rows)  # type: ignore[attr-defined]
