"""A chat service whose every request is known, ticked by hand through collect and evaluate."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from observability.core import permissions
from observability.core.models import Organisation
from probes.exposition import Samples, series
from sloengine.budgets.models import Finding, FindingKind
from sloengine.budgets.services import evaluate_due
from sloengine.catalog.models import Service
from sloengine.collect.models import MetricSource
from sloengine.collect.services import collect_reading
from sloengine.objectives import services as objectives
from sloengine.rollups.services import ensure_partitions
from sloengine.sources.base import Reading
from tests import factories
from tests.sloengine.readings import Replica, together

START = datetime(2026, 11, 17, 10, 0, tzinfo=UTC)
TICK = timedelta(seconds=30)


class World:
    """`minute(...)` plays two ticks. `good` requests take 0.05 s, `slow` ones 0.4 s, `failed` ones are errors."""

    def __init__(self, *, organisation: Organisation | None = None, replicas: int = 2) -> None:
        self.organisation = organisation or factories.make_organisation()
        self.source = MetricSource.objects.create(
            organisation=self.organisation, name="probe", kind="memory", url="memory:world", tick_seconds=30
        )
        self.replicas = [Replica(f"chat-{number}") for number in range(replicas)]
        self.extra: Samples = {}
        self.now = START
        self.dark = False
        ensure_partitions(now=START, since=START - timedelta(days=1))
        self.tick()

    @property
    def service(self) -> Service:
        return Service.objects.get(organisation=self.organisation, slug="chat")

    def apply_library(self) -> None:
        actor = permissions.system(self.organisation)
        objectives.apply_library(organisation=self.organisation, actor=actor, now=self.now)

    def tick(
        self, *, good: int = 0, slow: int = 0, failed: int = 0, similarity: float | None = None, evaluate: bool = True
    ) -> None:
        self.replicas[0].serve(good, seconds=0.05)
        self.replicas[0].serve(slow, seconds=0.4)
        self.replicas[0]._add("requests_total", failed, outcome="error")
        if similarity is not None:
            self._similar(similarity)
        self.now += TICK
        samples = {} if self.dark else {**together(*self.replicas), **self.extra}
        collect_reading(source=self.source, reading=Reading(at=self.now, samples=samples))
        if evaluate:
            evaluate_due(now=self.now)

    def minutes(
        self, number: float, *, good: int = 0, slow: int = 0, failed: int = 0, similarity: float | None = None
    ) -> None:
        for _ in range(round(number * 2)):
            self.tick(good=good, slow=slow, failed=failed, similarity=similarity)

    def until(self, holds: Callable[[], bool], *, most: float = 60, **traffic: Any) -> float:
        """Minutes played until it holds."""
        for half in range(round(most * 2)):
            if holds():
                return half / 2
            self.tick(**traffic)
        raise AssertionError(f"did not come to hold within {most} minutes")

    def firing(self, *parts: str) -> list[Finding]:
        """What budgets, outages and absences say; early signs (tests/sloengine/detection) come before them."""
        rows = Finding.objects.firing().filter(organisation=self.organisation).exclude(kind=FindingKind.MOVED)
        return [row for row in rows.order_by("pk") if all(part in row.fingerprint for part in parts)]

    def _similar(self, value: float) -> None:
        labels = {"service": "chat", "model": "m", "version": "1", "region": "eu", "slice": "all"}
        for name, amount in (("answer_similarity_sum_total", value), ("answer_similarity_samples_total", 1.0)):
            key = series(f"tailwatch_{name}", **labels)
            self.extra[key] = self.extra.get(key, 0.0) + amount
