"""What a tick costs: increments alone, a whole tick of the default fleet with PostgreSQL, windows, and a month of history."""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import numpy as np

from probes.exposition import Samples, Series, series
from tests.benchmarks import Measurement, database

START = datetime(2026, 11, 17, 9, 0, tzinfo=UTC)
TICK = timedelta(seconds=30)


def measure(full: bool) -> Iterator[Measurement]:
    yield from _increments(full)
    database.migrated()
    yield from _ticks(full)
    yield from _history(full)


def _increments(full: bool) -> Iterator[Measurement]:
    from sloengine.collect.increments import Readings, advance

    count = 100_000 if full else 10_000
    names = [series("tailwatch_requests_total", service="s", replica=str(i), outcome="ok") for i in range(count)]
    kept, seconds = Readings(), []
    for number in range(20):
        samples = dict.fromkeys(names, float(number))
        began = time.perf_counter()
        kept = advance(kept, samples, at=1000.0 + 30 * number).readings
        seconds.append(time.perf_counter() - began)
    yield _ms(f"increments of {count} series", statistics.median(seconds[1:]), target=5 * count / 10_000)


def _ticks(full: bool) -> Iterator[Measurement]:
    from django.db import connection, reset_queries

    from observability.virtual import FleetTransport, probe_config
    from probes.agent import Agent
    from probes.simfleet.fleet import Fleet, default_config
    from sloengine.catalog.models import Service
    from sloengine.collect import services
    from sloengine.collect.models import MetricSource
    from sloengine.rollups import queries
    from sloengine.sources import recorded
    from tests import factories

    fleet = Fleet(default_config(), seed=1, start=START.timestamp())
    agent = Agent(probe_config(fleet.config), FleetTransport(fleet), started=START.timestamp())
    source = MetricSource.objects.create(
        organisation=factories.make_organisation("ticks"),
        name="ticks",
        kind=MetricSource.Kind.MEMORY,
        url="memory:ticks",
    )
    recorded.register("ticks", recorded.Live(agent.samples))
    seconds: list[float] = []
    cpu: list[float] = []
    for number in range(240 if full else 60):
        now = START + number * TICK
        for second in (0, 10, 20):
            moment = now.timestamp() - 30 + second + 10
            fleet.advance(moment)
            agent.tick(moment)
        began, worked = time.perf_counter(), time.process_time()
        services.collect_due(now=now)
        seconds.append(time.perf_counter() - began)
        cpu.append(time.process_time() - worked)
    source.refresh_from_db()
    series_read = source.ticks.latest("at").series
    yield _ms(
        f"tick of {series_read} series into {source.slot_count} slots, median",
        statistics.median(seconds[5:]),
        target=25,
    )
    yield _ms("tick, processor time of our own process, median", statistics.median(cpu[5:]), target=15)
    yield _ms("tick, 95th percentile", sorted(seconds[10:])[int(len(seconds[10:]) * 0.95)], target=60)

    services.collect_due(now=START + 301 * TICK)
    connection.force_debug_cursor = True
    reset_queries()
    services.collect_due(now=START + 302 * TICK)
    yield Measurement(
        benchmark="rollups",
        metric="statements a tick",
        value=len(connection.queries),
        unit="statements",
        better="lower",
        target=12,
    )
    connection.force_debug_cursor = False

    chat = Service.objects.get(organisation=source.organisation, slug="chat")
    end = START + 50 * TICK
    began = time.perf_counter()
    for _ in range(50):
        queries.histogram(service=chat, family="ttft_seconds", start=end - timedelta(minutes=5), end=end)
    yield _ms("5-minute histogram, cached rows", (time.perf_counter() - began) / 50, target=3)
    recorded.unregister("ticks")


def _history(full: bool) -> Iterator[Measurement]:
    from django.db import connection

    from sloengine.catalog.models import Service
    from sloengine.collect.models import MetricSource
    from sloengine.rollups import queries
    from sloengine.rollups.queries.rows import forget_rows
    from sloengine.rollups.services import Chunk, backfill
    from tests import factories

    days = 400 if full else 30
    source = MetricSource.objects.create(
        organisation=factories.make_organisation("history"),
        name="history",
        kind=MetricSource.Kind.MEMORY,
        url="memory:history",
    )
    names = _three_services()
    random = np.random.default_rng(1)
    chunks = (
        Chunk(
            [START - timedelta(days=days - day) + timedelta(minutes=5 * (i + 1)) for i in range(288)],
            names,
            random.integers(0, 1000, (288, len(names))).astype(float),
        )
        for day in range(days)
    )
    began = time.perf_counter()
    rows = backfill(source=source, chunks=chunks, now=START)
    yield Measurement(
        benchmark="rollups",
        metric=f"{days} days of history, {len(names)} series, {rows} rows",
        value=time.perf_counter() - began,
        unit="s",
        better="lower",
        target=5.0 if not full else None,
    )
    service = Service.objects.get(organisation=source.organisation, slug="a")
    for label, span in (("30-day", timedelta(days=min(days, 30) - 1)), ("3-day", timedelta(days=3))):
        seconds = []
        for _ in range(20):
            forget_rows()
            began = time.perf_counter()
            queries.increments(service=service, family="requests_total", start=START - span, end=START, by=("outcome",))
            seconds.append(time.perf_counter() - began)
        yield _ms(f"{label} window, rows not in the cache", statistics.median(seconds), target=10)
    with connection.cursor() as cursor:
        cursor.execute("SELECT sum(pg_total_relation_size(inhrelid)) FROM pg_inherits")
        size = cursor.fetchone()[0]
    yield Measurement(
        benchmark="rollups", metric="size of all tiers", value=float(size) / 2**20, unit="MiB", better="lower"
    )


def _three_services() -> list[Series]:
    names: Samples = {}
    bounds = ("0.05", "0.1", "0.25", "0.5", "1.0", "2.5", "5.0", "10.0", "+Inf")
    for service in ("a", "b", "c"):
        mine = {"service": service, "model": "m", "version": "1", "region": "eu"}
        for outcome in ("ok", "error", "timeout"):
            names[series("tailwatch_requests_total", outcome=outcome, **mine)] = 0
        for family in ("ttft", "e2e", "queue", "prefill", "decode", "inter_token"):
            names.update({series(f"tailwatch_{family}_seconds_bucket", le=le, **mine): 0 for le in bounds})
            names[series(f"tailwatch_{family}_seconds_sum", **mine)] = 0
            names[series(f"tailwatch_{family}_seconds_count", **mine)] = 0
        for tenant in range(20):
            names[series("tailwatch_tenant_tokens_total", tenant=f"t{tenant}", **mine)] = 0
    return list(names)


def _ms(metric: str, seconds: float, *, target: float) -> Measurement:
    return Measurement(
        benchmark="rollups", metric=metric, value=1000 * seconds, unit="ms", better="lower", target=target
    )
