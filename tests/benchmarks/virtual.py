"""Virtual seconds per real second: scenarios from warm-up to the end of the incident, and a healthy hour (--full: six, a day)."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.benchmarks import Measurement, database

START = datetime(2026, 11, 17, 9, 0, tzinfo=UTC)
TARGET = 300.0
ALL = (
    *(
        "traffic-spike",
        "long-prompt-flood",
        "decode-slowdown",
        "quality-regression",
        "runaway-tenant",
        "replica-outage",
    ),
)
FEW = ("traffic-spike", "decode-slowdown")


def measure(full: bool) -> Iterator[Measurement]:
    database.migrated()
    from django.conf import settings

    from sloengine.collect.models import MetricSource

    MetricSource.objects.update(enabled=False)  # other benchmarks of this run left theirs in the same database
    settings.TAILWATCH_ALLOW_PRIVATE_OUTBOUND = ["127.0.0.1"]
    yield from _healthy(full)
    for fault in ALL if full else FEW:
        MetricSource.objects.update(enabled=False)
        yield from _scenario(fault)


def _healthy(full: bool) -> Iterator[Measurement]:
    from incidents.response.models import Incident
    from sloengine.budgets.models import Finding

    span, name = (timedelta(hours=24), "healthy day") if full else (timedelta(hours=1), "healthy hour")
    with _World("virtual-healthy") as played:
        played.world.advance(timedelta(minutes=2))  # imports, caches, first slots
        began = time.perf_counter()
        played.world.advance(span)
        seconds = time.perf_counter() - began
    yield _speed(name, span.total_seconds() / seconds)
    mine = {"organisation": played.organisation}
    findings = Finding.objects.filter(**mine).exclude(severity="info")
    for what, count in (("incidents", Incident.objects.filter(**mine).count()), ("findings", findings.count())):
        yield Measurement(
            benchmark="virtual",
            metric=f"{what} opened in a {name}",
            value=float(count),
            unit=what,
            better="lower",
            target=0.0,
        )


def _scenario(fault: str) -> Iterator[Measurement]:
    from observability import drills

    with _World(f"virtual-{fault}") as played:
        world, start = played.world, played.world.now
        began = time.perf_counter()
        drill = drills.play(fault=fault, world=world, pager=played.pager, seed=1, acknowledge=drills.acknowledge)
        seconds = time.perf_counter() - began
    if not drill.passed:
        raise RuntimeError(f"the scenario itself failed: {drill}")
    yield _speed(fault, (world.now - start).total_seconds() / seconds)


def _speed(what: str, value: float) -> Measurement:
    return Measurement(
        benchmark="virtual",
        metric=f"virtual seconds per real second, {what}",
        value=value,
        unit="s/s",
        better="higher",
        target=TARGET,
        baseline=1.0,
        baseline_name="real time",
    )


class _World:
    """A fleet with its platform in an organisation of its own, and its people's pager."""

    def __init__(self, slug: str) -> None:
        self._slug = slug

    def __enter__(self) -> Any:
        from observability import drills
        from observability.local_pager import LocalPager
        from tests import factories

        self.organisation = factories.make_organisation(self._slug)
        self.pager = LocalPager().__enter__()
        self.world = drills.build_world(organisation=self.organisation, start=START, seed=1, pager=self.pager)
        return self

    def __exit__(self, *error: object) -> None:
        self.world.close()
        self.pager.__exit__(None, None, None)
