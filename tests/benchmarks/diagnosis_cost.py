"""What a diagnosis costs: one incident from first look to stored record, and the tree asked of 50 services at one tick."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from tests.benchmarks import Measurement, database, slo_world

if TYPE_CHECKING:
    from sloengine.catalog.models import Service

START = datetime(2026, 11, 17, 9, 0, tzinfo=UTC)
COPIES = 17  # of the simulated fleet's three services
MOST_FOR_ONE, MOST_FOR_FIFTY = 300.0, 1.0
TICK = timedelta(seconds=30)


def collected() -> tuple[list[Service], datetime]:
    """51 services of 9 x 17 replicas with an hour behind them: every copy reads as the simulated fleet, under another name."""
    from observability.virtual import FleetTransport, probe_config
    from probes.agent import Agent
    from probes.exposition import Series
    from probes.simfleet.fleet import Fleet, default_config
    from sloengine.catalog.models import Service
    from sloengine.collect.models import MetricSource
    from sloengine.collect.services.ticks import collect_reading
    from sloengine.sources.base import Reading
    from tests import factories

    MetricSource.objects.update(enabled=False)
    organisation = factories.make_organisation("diagnosis-cost")
    source = MetricSource.objects.create(
        organisation=organisation, name="fifty", kind=MetricSource.Kind.MEMORY, url="memory:fifty"
    )
    fleet = Fleet(default_config(), seed=2, start=START.timestamp())
    agent = Agent(probe_config(fleet.config), FleetTransport(fleet), started=START.timestamp())
    renamed: dict[tuple[Series, int], Series] = {}

    def copy(one: Series, number: int) -> Series:
        key = one, number
        if key not in renamed:
            labels = tuple((name, f"{value}-{number}" if name == "service" else value) for name, value in one.labels)
            renamed[key] = Series(one.name, labels)
        return renamed[key]

    now = START
    for step in [timedelta(minutes=5)] * 13 + [TICK] * 10:
        end = now + step
        while now < end:
            now = min(now + TICK, end)
            fleet.advance(now.timestamp())
            agent.tick(now.timestamp())
        samples = agent.samples()
        every = {copy(one, number): value for number in range(COPIES) for one, value in samples.items()}
        collect_reading(source=source, reading=Reading(now, every))
    return list(Service.objects.filter(organisation=organisation).order_by("slug")), now


def measure(full: bool) -> Iterator[Measurement]:
    postgres = database.migrated().process
    assert postgres is not None
    from incidents.diagnosis import services as diagnosis
    from incidents.signals import queries as signals
    from sloengine.rollups.queries.rows import forget_rows
    from tests import factories

    services, now = collected()

    def spent(work: Callable[[], object]) -> tuple[float, float]:
        """(wall seconds, CPU seconds with the database's)."""
        began, cpu, server = time.perf_counter(), time.process_time(), slo_world.cpu_of(postgres.pid, children=True)
        work()
        wall = time.perf_counter() - began
        return wall, time.process_time() - cpu + slo_world.cpu_of(postgres.pid, children=True) - server

    def ask_all() -> None:
        signals.standings(services=services[:50], now=now)

    ask_all()  # imports, the tree's file, where each slot lies
    forget_rows()
    wall, cpu = spent(ask_all)
    yield from _pair("tree asked of 50 healthy services", wall, "s", None, cpu, MOST_FOR_FIFTY)

    def diagnose(service: Service) -> Any:
        factories.make_finding(
            service, now=now, evidence={"objective": "first-token", "indicator": "ttft", "burn_rate_long": 20.1}
        )
        incident = factories.make_incident(service, now=now)
        forget_rows()
        return spent(lambda: diagnosis.diagnose(incident=incident, now=now))

    found = [diagnose(service) for service in services[: 20 if full else 9]]
    wall, cpu = (statistics.median(one[i] for one in found) for i in (0, 1))
    yield from _pair("one incident, first look to stored record", 1000 * wall, "ms", None, 1000 * cpu, MOST_FOR_ONE)


def _pair(
    metric: str, wall: float, unit: str, most: float | None, cpu: float, most_cpu: float
) -> Iterator[Measurement]:
    for named, value, one_unit, target in (
        (f"{metric}: on the clock", wall, unit, most),
        (f"{metric}: CPU with PostgreSQL", cpu, f"CPU-{unit}", most_cpu),
    ):
        yield Measurement(
            benchmark="diagnosis_cost", metric=named, value=value, unit=one_unit, better="lower", target=target
        )
