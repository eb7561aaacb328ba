"""What becomes of totals whose rows are pruned while nobody serves, or while a source is silent."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import timedelta

import pytest
from django.db import connection

from probes.exposition import Series, series
from sloengine.catalog.models import Service
from sloengine.collect import services
from sloengine.collect.models import MetricSource
from sloengine.rollups import queries
from sloengine.rollups.models import RollupFinest
from sloengine.rollups.services import ensure_partitions, thin_and_prune
from sloengine.sources.base import Reading
from tests import factories
from tests.conftest import NOW
from tests.sloengine.readings import Replica, together

pytestmark = pytest.mark.django_db
TICK, HOUR = timedelta(seconds=30), timedelta(hours=1)
GATEWAY = series("tailwatch_requests_total", service="chat", replica="gateway", outcome="ok")


@pytest.fixture
def source() -> Iterator[MetricSource]:
    yield factories.make_source(factories.make_organisation(), name="fleet")
    services.forget()


def collect(source: MetricSource, after: timedelta, samples: Mapping[Series, float]) -> None:
    ensure_partitions(now=NOW + after)
    services.collect_reading(source=source, reading=Reading(NOW + after, samples))
    thin_and_prune(now=NOW + after)


@pytest.mark.parametrize("new_process", [False, True])
def test_a_replica_back_after_a_night_brings_nothing_of_the_day_before(source: MetricSource, new_process: bool) -> None:
    one = Replica("chat-0")
    for number in range(3):
        one.serve(100)
        collect(source, number * TICK, together(one))
    for hour in range(1, 12):
        collect(source, hour * HOUR, {GATEWAY: float(hour)})
    if new_process:
        services.forget()
    back = 11 * HOUR
    for number in range(1, 4):
        one.serve(7)
        collect(source, back + number * TICK, {GATEWAY: 11.0, **together(one)})
    services.forget()
    chat = Service.objects.get(slug="chat")
    found = {}
    for minutes in (1, 30, 400):
        end = NOW + back + 3 * TICK
        start = end - timedelta(minutes=minutes)
        found[minutes] = queries.increments(service=chat, family="e2e_seconds", start=start, end=end, by=("replica",))
    asleep = 0 if new_process else 7  # counted between its last row and the first one after the night
    assert found == {1: {("chat-0",): 14}, 30: {("chat-0",): 14 + asleep}, 400: {("chat-0",): 14 + asleep}}


def test_a_source_that_is_silent_keeps_no_rows_of_the_others(source: MetricSource) -> None:
    other = factories.make_source(source.organisation, name="other")
    collect(other, 7 * TICK, {GATEWAY: 100.0})
    collect(other, 8 * TICK, {GATEWAY: 105.0})
    busy = series("tailwatch_requests_total", service="code", replica="gateway", outcome="ok")
    for hour in range(1, 12):
        collect(source, hour * HOUR, {busy: float(hour)})
    assert not RollupFinest.objects.filter(at__lt=NOW + 2 * HOUR).exists()
    services.forget()
    collect(other, 11 * HOUR + TICK, {GATEWAY: 112.0})
    chat = Service.objects.get(slug="chat")
    assert queries.increments(service=chat, family="requests_total", start=NOW, end=NOW + 12 * HOUR) == {(): 12}
    start = NOW + 11 * HOUR
    assert queries.increments(service=chat, family="requests_total", start=start, end=start + HOUR) == {(): 7}


def test_a_long_reader_delays_a_partition_and_no_tick() -> None:
    """A dump of the database holds a lock on every partition for as long as it takes."""
    then = NOW + timedelta(days=5000)  # of which no other test has made partitions
    dump = connection.copy(alias="default")
    try:
        dump.set_autocommit(False)
        with dump.cursor() as cursor:
            cursor.execute("LOCK TABLE sloengine_rollup_finest_default IN ACCESS SHARE MODE")
        assert ensure_partitions(now=then) == 0
    finally:
        dump.rollback()
        dump.close()
    assert ensure_partitions(now=then) > 0


def test_a_table_of_the_callers_own_is_no_rollup_table() -> None:
    """The functions run as the owner: what the run-time role puts into its temporary schema must not come first."""
    with connection.cursor() as cursor:
        cursor.execute("CREATE TEMP TABLE sloengine_rollup_finest (block_id bigint, at timestamptz) ON COMMIT DROP")
        cursor.execute(
            "SELECT tailwatch_create_partition('sloengine_rollup_finest', '2031-01-01 10:00Z', '2031-01-01 11:00Z')"
        )
        cursor.execute("SELECT 'public.sloengine_rollup_finest_20310101t10'::regclass::text")
        assert cursor.fetchone() == ("sloengine_rollup_finest_20310101t10",)


def test_the_last_step_of_a_chart_ends_where_the_chart_does(source: MetricSource) -> None:
    for number in range(5):
        collect(source, number * TICK, {GATEWAY: 30.0 * number if number < 4 else 1000.0})
    chat = Service.objects.get(slug="chat")
    end = NOW + 3 * TICK
    found = queries.points(service=chat, family="requests_total", start=NOW, end=end, step_seconds=60)
    assert [(point.at, point.value) for point in found] == [(NOW + 2 * TICK, 1.0), (end, 1.0)]
