"""Virtual seconds per real second of the whole platform, and that a healthy hour (--full: a day) opens nothing."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from tests.benchmarks import Measurement, database

START = datetime(2026, 11, 17, 9, 0, tzinfo=UTC)
TARGET = 300.0


def measure(full: bool) -> Iterator[Measurement]:
    database.migrated()
    from incidents.response.models import Incident
    from observability import drills
    from observability.local_pager import LocalPager
    from sloengine.budgets.models import Finding
    from sloengine.collect.models import MetricSource
    from tests import factories

    span, name = (timedelta(hours=24), "healthy day") if full else (timedelta(hours=1), "healthy hour")
    MetricSource.objects.update(enabled=False)  # other benchmarks of this run left theirs in the same database
    organisation = factories.make_organisation("virtual")
    with LocalPager() as pager:
        world = drills.build_world(organisation=organisation, start=START, seed=1, pager=pager)
        try:
            world.advance(timedelta(minutes=2))  # imports, caches, first slots
            began = time.perf_counter()
            world.advance(span)
            seconds = time.perf_counter() - began
        finally:
            world.close()
    yield Measurement(
        benchmark="virtual",
        metric=f"virtual seconds per real second, {name}",
        value=span.total_seconds() / seconds,
        unit="s/s",
        better="higher",
        target=TARGET,
        baseline=1.0,
        baseline_name="real time",
    )
    findings = Finding.objects.filter(organisation=organisation).exclude(severity="info")
    for what, count in (
        ("incidents", Incident.objects.filter(organisation=organisation).count()),
        ("findings", findings.count()),
    ):
        yield Measurement(
            benchmark="virtual",
            metric=f"{what} opened in a {name}",
            value=float(count),
            unit=what,
            better="lower",
            target=0.0,
        )
