"""Dashboards over 400 days of 10,000 objectives and 2,000 cost series: the first data, and each callback.

The state is written as the platform keeps it, by COPY into its own tables: sums of objectives by the hour, days and hours of the
ledger, incidents. A request goes through Django as a browser's does: login, roles, content policy, Dash.
"""

from __future__ import annotations

import json
import os
import statistics
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import numpy as np

from tests.benchmarks import Measurement, database

if TYPE_CHECKING:
    from django.test import Client

    from observability.core.models import Organisation
    from sloengine.catalog.models import Service

NOW = datetime(2026, 11, 17, 9, 2, 30, tzinfo=UTC)
DAYS, SERVICES, BLOCK = 400, 100, 512
OBJECTIVES, SERIES, INCIDENTS = 10_000, 2_000, 2_000
FIRST_MS, CALLBACK_MS = 500.0, 300.0
RUNS = 5
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


def measure(full: bool) -> Iterator[Measurement]:
    database.migrated()
    os.environ.setdefault("SECRET_KEY", "k" * 50)
    from django.conf import settings

    from observability.core import clock
    from sloengine.budgets.tallies import queries as tallies

    settings.ALLOWED_HOSTS = ["testserver"]
    client = _world(every=1 if full else 6)
    from dashboards.shelf import BOARDS

    with clock.frozen(NOW):
        _first(client, "executive")  # imports Dash, reads the objectives: once a process
        for slug in BOARDS:
            tallies.forget()
            yield _measured(f"first data of {slug}", [_timed(_first, client, slug) for _ in range(RUNS)], FIRST_MS)
            searches = [f"?range={span}&service={name}" for span in ("30d", "400d") for name in ("", "s7")]
            yield _measured(
                f"callbacks of {slug}", [_timed(_callback, client, slug, search) for search in searches], CALLBACK_MS
            )


def _measured(metric: str, seconds: list[float], target: float) -> Measurement:
    value = 1000 * (max(seconds) if metric.startswith("callbacks") else statistics.median(seconds))
    return Measurement(benchmark="dashboards", metric=metric, value=value, unit="ms", better="lower", target=target)


def _timed(work: Any, *given: Any) -> float:
    began = time.perf_counter()
    work(*given)
    return time.perf_counter() - began


def _first(client: Client, slug: str) -> None:
    """What a browser asks for until it has something to show."""
    assert client.get(f"/dash/{slug}/").status_code == 200
    for part in ("_dash-layout", "_dash-dependencies"):
        assert client.get(f"/dash/{part}").status_code == 200
    _callback(client, slug, "")


def _callback(client: Client, slug: str, search: str) -> None:
    body = {
        "output": "page.children",
        "outputs": {"id": "page", "property": "children"},
        "inputs": [
            {"id": "address", "property": "pathname", "value": f"/dash/{slug}/"},
            {"id": "address", "property": "search", "value": search},
        ],
        "changedPropIds": ["address.search"],
    }
    answer = client.post(
        "/dash/_dash-update-component",
        json.dumps(body),
        content_type="application/json",
        headers={"Sec-Fetch-Site": "same-origin"},
    )
    assert answer.status_code == 200, answer.content[:300]


# ---- the world --------------------------------------------------------------------------------------------------


def _world(*, every: int) -> Client:
    """An organisation and a browser of one of its people; sums stand every so many hours."""
    from django.test import Client

    from observability.core.models import Role
    from tests import factories

    acme = factories.make_organisation("dashboards")
    services = [factories.make_service(acme, slug=f"s{number}") for number in range(SERVICES)]
    _objectives(acme, services, every=every)
    _ledger(acme, services)
    _incidents(acme, services)
    client = Client()
    client.force_login(factories.make_user(acme, username="lea", role=Role.LEADERSHIP))
    return client


def _objectives(acme: Organisation, services: list[Service], *, every: int) -> None:
    from django.db import connection

    from sloengine.budgets.models import EvaluationCursor, TallyBlock, TallyPlace
    from sloengine.budgets.tallies import sums
    from sloengine.collect.models import MetricSource
    from sloengine.objectives.models import Objective
    from sloengine.rollups.models import TALLY_TABLES
    from sloengine.rollups.services import ensure_partitions
    from sloengine.rollups.thinning import FINEST, FIVE_MINUTES
    from sloengine.rollups.thinning import HOUR as BY_HOUR

    start = NOW.replace(minute=0, second=0) - DAY * DAYS
    source = MetricSource.objects.create(organisation=acme, name="dashboards", kind="memory", url="memory:none")
    MetricSource.objects.filter(pk=source.pk).update(last_tick=NOW)
    ensure_partitions(now=NOW, since=start)
    rows = Objective.objects.bulk_create(
        (
            Objective(
                organisation=acme, service=services[number % SERVICES], slug=f"up-{number}", title=f"Answered {number}",
                indicator="availability", method="occurrences", target="0.99", created_at=start, changed_at=start,
            )
            for number in range(OBJECTIVES)
        ),
        batch_size=2000,
    )  # fmt: skip
    nothing = np.zeros(7)
    nothing[6] = np.nan
    blocks = TallyBlock.objects.bulk_create(
        TallyBlock(organisation=acme, number=number) for number in range(-(-OBJECTIVES // BLOCK))
    )
    TallyPlace.objects.bulk_create(
        (
            TallyPlace(
                objective=row, block=blocks[place // BLOCK], position=place % BLOCK, began_at=start, base=nothing.tobytes()
            )
            for place, row in enumerate(rows)
        ),
        batch_size=2000,
    )  # fmt: skip
    EvaluationCursor.objects.create(organisation=acme, tick=NOW)
    random = np.random.default_rng(7)
    a_second, bad = random.uniform(0.5, 3.0, BLOCK), random.uniform(0.0, 0.012, BLOCK)

    def row(at: datetime) -> bytes:
        passed = (at - start).total_seconds()
        total = np.floor(a_second * passed)
        good = total - np.floor(total * bad)
        seen = np.full(BLOCK, at.timestamp())
        return sums.written(
            np.stack([good, total, good, total, np.full(BLOCK, passed), np.full(BLOCK, passed // 30), seen])
        )

    ticks = {
        BY_HOUR: [start + HOUR * number for number in range(1, DAYS * 24 + 1, every)],
        FIVE_MINUTES: [NOW.replace(minute=0, second=0) - timedelta(minutes=5) * number for number in range(4 * 288)],
        FINEST: [NOW - timedelta(seconds=30) * number for number in range(0, 7 * 120, every)],
    }
    for tier, instants in ticks.items():
        target = f"COPY {TALLY_TABLES[tier]} (block_id, at, sums) FROM STDIN WITH (FORMAT BINARY)"
        with connection.cursor() as cursor, cursor.copy(target) as copy:
            copy.set_types(["int8", "timestamptz", "bytea"])
            for at in instants:
                written = row(at)
                for block in blocks:
                    copy.write_row((block.pk, at, written))


def _ledger(acme: Organisation, services: list[Service]) -> None:
    from django.db import connection

    from sloengine.cost.ledger.meters import COLUMNS
    from sloengine.cost.ledger.models import CostSeries, LedgerCursor, LedgerDays
    from tests import factories

    today = NOW.replace(hour=0, minute=0, second=0)
    tenants = SERIES // SERVICES
    series = CostSeries.objects.bulk_create(
        CostSeries(organisation=acme, service=service, model="m", tenant=f"t{number}")
        for service in services
        for number in range(tenants)
    )
    for service in services:
        factories.make_price(service, usd="0.11", at=today - DAY * DAYS)
        LedgerCursor.objects.create(service=service, until=NOW.replace(minute=0, second=0))
    LedgerDays.objects.create(organisation=acme, until=today)
    spent = ",".join(name for name in COLUMNS if name in ("input", "output", "requests_ok"))
    for table, instants in (
        ("sloengine_usageday", [today - DAY * number for number in range(1, DAYS + 1)]),
        ("sloengine_usagehour", [today - DAY * DAYS + HOUR * number for number in range(24)]
         + [today - DAY + HOUR * number for number in range(33)]),
    ):  # fmt: skip
        others = [name for name in COLUMNS if name not in spent.split(",")]
        columns = f"series_id, at, {spent}, {', '.join(others)}"
        zeros = "\t0" * len(others)
        with connection.cursor() as cursor, cursor.copy(f"COPY {table} ({columns}) FROM STDIN") as copy:
            for at in instants:
                copy.write("".join(
                    f"{one.pk}\t{at.isoformat()}\t{50 + place}\t{9000 + 13 * place}\t{4000 + 7 * place}{zeros}\n"
                    for place, one in enumerate(series)
                ))  # fmt: skip


def _incidents(acme: Organisation, services: list[Service]) -> None:
    from observability.supervisor import postgres
    from tests import worlds

    with database.migrated().connect(postgres.ADMIN, "tailwatch_benchmarks") as connection:
        worlds.write_history(
            connection, organisation=acme, services=services[:5], incidents=INCIDENTS, entries=1, now=NOW
        )
        connection.execute("VACUUM ANALYZE")
