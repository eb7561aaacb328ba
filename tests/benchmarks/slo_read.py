"""What readers wait for: one objective's chart over 400 days, and a page of 50 objectives with budgets and sparklines."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING

from tests.benchmarks import Measurement, database, slo_world

if TYPE_CHECKING:
    from django.test import Client

    from observability.core.models import Organisation

CHART, CHART_CPU, PAGE, ALL = 200.0, 100.0, 200.0, 3000.0


def measure(full: bool) -> Iterator[Measurement]:
    postgres = database.migrated().process
    assert postgres is not None
    from sloengine.budgets import queries
    from sloengine.budgets.tallies import queries as tallies
    from sloengine.objectives.models import Objective
    from sloengine.rollups.queries.rows import forget_rows

    objectives = 10_000 if full else 512
    days = 400
    world = slo_world.build(objectives=objectives, days=days, past_days=days, label="read")
    rows = list(
        Objective.objects.filter(organisation=world.source.organisation).select_related("service").order_by("pk")
    )
    start = slo_world.NOW - timedelta(days=days - 2)

    def of(
        metric: str, read: Callable[[], object], target: float, cpu_target: float | None = None
    ) -> list[Measurement]:
        seconds, spent = [], []
        for _ in range(7):
            forget_rows()
            tallies.forget()
            began, cpu, databases = (
                time.perf_counter(),
                time.process_time(),
                slo_world.cpu_of(postgres.pid, children=True),
            )
            read()
            seconds.append(time.perf_counter() - began)
            spent.append(time.process_time() - cpu + slo_world.cpu_of(postgres.pid, children=True) - databases)
        whole = f"{metric}, of {objectives:,}, nothing in memory"
        return [
            Measurement(benchmark="slo_read", metric=named, value=1000 * value, unit=unit, better="lower", target=most)
            for named, value, unit, most in (
                (whole, statistics.median(seconds), "ms", target),
                (f"{metric}: CPU with PostgreSQL", statistics.mean(spent), "CPU-ms", cpu_target),
            )
        ]

    yield from of(
        f"chart of one objective over {days} days, 400 points",
        lambda: queries.burn_down(objective=rows[7], start=start, end=slo_world.NOW, points=400),
        CHART,
        CHART_CPU,
    )
    page = rows[100:150]
    yield from of(
        "page of 50 objectives with budgets and sparklines",
        lambda: queries.statuses(objectives=page, now=slo_world.NOW),
        PAGE,
    )
    from observability.core import clock

    reader = _reader(world.source.organisation)
    with clock.frozen(slo_world.NOW):
        for name, asked in (("SLO list", ""), ("SLO list, its last page", f"?page={-(-objectives // 50)}"),
                            ("SLO list of one service, by a word", "?service=s3&q=token")):  # fmt: skip
            yield from of(name, partial(_got, reader, f"/slos/{asked}"), PAGE)
    yield from of(
        f"budgets and sparklines of all {objectives:,}",
        lambda: queries.statuses(objectives=rows, now=slo_world.NOW),
        ALL,
    )


def _reader(organisation: Organisation) -> Client:
    from django.conf import settings
    from django.test import Client

    from tests import factories

    settings.ALLOWED_HOSTS = ["testserver"]
    client = Client()
    client.force_login(factories.make_user(organisation))
    return client


def _got(reader: Client, path: str) -> None:
    answer = reader.get(path)
    if answer.status_code != 200:
        raise AssertionError(f"{path}: found {answer.status_code}, expected 200")
