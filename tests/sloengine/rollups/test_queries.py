"""Windows of a service: differences of rows, in whichever tier still has them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from probes.exposition import series
from sloengine.catalog.models import Service
from sloengine.collect import services
from sloengine.collect.models import MetricSource, Tick
from sloengine.rollups import queries
from sloengine.rollups.models import RollupFinest, RollupFiveMinutes, RollupHour
from sloengine.rollups.queries.rows import forget_rows
from sloengine.rollups.services import BackfillTooLate, Chunk, backfill, ensure_partitions, thin_and_prune
from sloengine.rollups.windows import Edges
from sloengine.sources.base import Reading
from tests import factories
from tests.conftest import NOW
from tests.sloengine.readings import Replica, together

pytestmark = pytest.mark.django_db
TICK = timedelta(seconds=30)


@pytest.fixture
def source() -> Iterator[MetricSource]:
    yield factories.make_source(factories.make_organisation(), name="fleet")
    services.forget()


def collect(source: MetricSource, number: int, *replicas: Replica) -> None:
    services.collect_reading(source=source, reading=Reading(NOW + number * TICK, together(*replicas)))


def chat() -> Service:
    return Service.objects.get(slug="chat")


def test_p95_is_the_quantile_of_summed_buckets_and_per_replica_only_sums_are_kept(source: MetricSource) -> None:
    fast, slow = Replica("chat-0"), Replica("chat-1")
    for one in (fast, slow):
        one.serve(1)
    collect(source, 0, fast, slow)
    fast.serve(95, seconds=0.07)
    slow.serve(5, seconds=0.7)
    collect(source, 1, fast, slow)
    window: dict[str, Any] = {"service": chat(), "family": "ttft_seconds", "start": NOW, "end": NOW + TICK}
    whole = queries.histogram(**window)
    assert whole.edges == Edges(NOW, NOW + TICK)
    assert whole[()].counts == (0, 95, 95, 95, 100, 100)
    assert whole[()].sum == pytest.approx(95 * 0.07 + 5 * 0.7)
    apart = queries.histogram(**window, by=("replica",))
    assert {key: (one.bounds, one.count) for key, one in apart.items()} == {("chat-0",): ((), 95), ("chat-1",): ((), 5)}
    assert apart[("chat-1",)].mean == pytest.approx(0.7)


def test_replicas_with_other_bounds_are_summed_at_the_bounds_they_share(source: MetricSource) -> None:
    one, other = Replica("chat-0"), Replica("chat-1", bounds=("0.1", "0.3", "0.5", "+Inf"))
    for each in (one, other):
        each.serve(1)
    collect(source, 0, one, other)
    one.serve(8, seconds=0.2)
    other.serve(4, seconds=0.2)
    collect(source, 1, one, other)
    whole = queries.histogram(service=chat(), family="ttft_seconds", start=NOW, end=NOW + TICK)[()]
    assert (whole.bounds, whole.counts) == ((0.1, 0.5, float("inf")), (0, 12, 12))


def test_groups_and_filters(source: MetricSource) -> None:
    one = Replica("chat-0")
    for outcome in ("ok", "error", "timeout"):
        one.serve(1, outcome=outcome)
    collect(source, 0, one)
    one.serve(10)
    one.serve(3, outcome="error")
    collect(source, 1, one)
    window: dict[str, Any] = {"service": chat(), "family": "requests_total", "start": NOW, "end": NOW + TICK}
    assert queries.increments(**window) == {(): 13}
    assert queries.increments(**window, by=("outcome",)) == {("ok",): 10, ("error",): 3, ("timeout",): 0}
    assert queries.increments(**window, where={"outcome": ("error", "timeout")}) == {(): 3}
    assert queries.increments(**window, where={"outcome": "ok", "region": "us"}) == {}
    assert queries.increments(**{**window, "family": "e2e_seconds"}) == {(): 13}
    assert queries.increments(**{**window, "family": "e2e_seconds_sum"}) == {(): pytest.approx(1.3)}
    assert queries.increments(**{**window, "family": "nothing_total"}) == {}


def test_zero_traffic_is_0_and_no_data_is_absent(source: MetricSource) -> None:
    one = Replica("chat-0")
    one.serve(5)
    collect(source, 0, one)
    collect(source, 1, one)
    services.collect_reading(
        source=source, reading=Reading(NOW + 2 * TICK, {series("tailwatch_probe_start_seconds"): 1.0})
    )
    ask: dict[str, Any] = {"service": chat(), "family": "requests_total"}
    assert queries.increments(**ask, start=NOW, end=NOW + TICK) == {(): 0}
    assert queries.increments(**ask, start=NOW + TICK, end=NOW + 2 * TICK) == {}
    assert queries.increments(**ask, start=NOW + TICK, end=NOW + 9 * TICK) == {}
    assert queries.edges(**ask, start=NOW + TICK, end=NOW + 9 * TICK) is None
    assert queries.newest(service=chat()) == NOW + 2 * TICK


def test_a_window_before_the_first_tick_begins_there(source: MetricSource) -> None:
    one = Replica("chat-0")
    one.serve(5)
    collect(source, 0, one)
    one.serve(2)
    collect(source, 1, one)
    month = queries.increments(service=chat(), family="requests_total", start=NOW - timedelta(days=30), end=NOW + TICK)
    assert (month, month.edges) == ({(): 2}, Edges(NOW, NOW + TICK))
    assert queries.increments(service=chat(), family="requests_total", start=NOW - TICK, end=NOW - TICK / 2) == {}


def test_edges_between_ticks_are_the_rows_before_them(source: MetricSource) -> None:
    one = Replica("chat-0")
    for number in range(4):
        one.serve(10)
        collect(source, number, one)
    found = queries.increments(service=chat(), family="requests_total", start=NOW + 1.5 * TICK, end=NOW + 2.9 * TICK)
    assert (found, found.edges) == ({(): 10}, Edges(NOW + TICK, NOW + 2 * TICK))


def test_a_gauge_is_read_over_all_replicas_and_ticks(source: MetricSource) -> None:
    one, two = Replica("chat-0", running=2), Replica("chat-1", running=4)
    for number in range(3):
        one.serve(1)
        collect(source, number, one, two)
    window: dict[str, Any] = {"service": chat(), "family": "requests_running", "start": NOW, "end": NOW + 2 * TICK}
    whole = queries.gauge(**window)[()]
    assert (whole.n, whole.mean, whole.stdev) == (4, 3, 1)
    assert {key: one.mean for key, one in queries.gauge(**window, by=("replica",)).items()} == {
        ("chat-0",): 2,
        ("chat-1",): 4,
    }


def test_points_for_a_chart(source: MetricSource) -> None:
    one = Replica("chat-0", running=3)
    one.serve(1)
    for number in (0, 1, 2, 4):
        one.serve(30)
        collect(source, number, one)
    ask: dict[str, Any] = {"service": chat(), "start": NOW, "end": NOW + 4 * TICK, "step_seconds": 30}
    assert [one.value for one in queries.points(family="requests_total", **ask)] == [1, 1, None, 0.5]
    assert [one.value for one in queries.points(family="requests_running", **ask)] == [3, 3, None, 3]
    assert [one.value for one in queries.points(family="ttft_seconds", **ask)][:2] == [pytest.approx(0.1)] * 2
    p95 = queries.points(family="ttft_seconds", quantile=0.95, **ask)
    assert [one.value and round(one.value, 4) for one in p95] == [0.0975, 0.0975, None, 0.0975]
    assert [one.at for one in p95] == [NOW + i * TICK for i in range(1, 5)]


def test_a_service_is_silent_once_its_source_missed_two_ticks(source: MetricSource) -> None:
    one = Replica("chat-0")
    one.serve(1)
    collect(source, 0, one)
    assert queries.silent_for(service=chat(), now=NOW + 3 * TICK) is None
    assert queries.silent_for(service=chat(), now=NOW + 4 * TICK) == 4 * TICK


def test_points_that_are_past_are_remembered_and_the_one_that_runs_is_not(source: MetricSource) -> None:
    one = Replica("chat-0")
    for number in range(5):
        one.serve(30)
        collect(source, number, one)
    asked: dict[str, Any] = {
        "service": chat(), "family": "requests_total", "start": NOW, "end": NOW + 6 * TICK, "step_seconds": 60,
    }  # fmt: skip
    first = queries.points(**asked)
    assert [point.value for point in first] == [1.0, 1.0, None], "nothing was read in the third minute yet"
    forget_rows()
    with CaptureQueriesContext(
        connection,
    ) as seen:
        assert queries.points(**asked) == first
    assert sum("rollup" in query["sql"] for query in seen) <= 1, "only the minute that runs is looked up"
    one.serve(60)
    collect(source, 5, one)
    assert [point.value for point in queries.points(**asked)] == [1.0, 1.0, 2.0]


def test_windows_cost_few_statements_and_none_for_rows_seen_before(source: MetricSource) -> None:
    one = Replica("chat-0")
    for number in range(12):
        one.serve(10)
        collect(source, number, one)
    service = chat()

    def ask() -> dict[tuple[str, ...], float]:
        return queries.increments(service=service, family="requests_total", start=NOW, end=NOW + 9 * TICK)

    with CaptureQueriesContext(connection) as first:
        assert ask() == {(): 90}
    with CaptureQueriesContext(connection) as second:
        assert ask() == {(): 90}
    with queries.snapshot(), CaptureQueriesContext(connection) as third:
        ask()
        ask()
    assert len(first) <= 4
    assert len(second) == 1  # what is newest
    assert len(third) == 1


def history(first: datetime, last: datetime, *, step: timedelta) -> Chunk:
    ticks = [first + step * i for i in range(int((last - first) / step) + 1)]
    names = [
        series("tailwatch_requests_total", service="chat", model="m", version="1", region="eu", outcome="ok"),
        series("tailwatch_requests_running", service="chat", model="m", version="1", region="eu", replica="chat-0"),
    ]
    return Chunk(ticks, names, np.tile([5.0, 2.0], (len(ticks), 1)))


def test_history_is_written_into_the_tiers_that_keep_it_and_live_ticks_go_on(source: MetricSource) -> None:
    month, step = timedelta(days=30), timedelta(minutes=5)
    rows = backfill(source=source, chunks=[history(NOW - month, NOW - step, step=step)], now=NOW)
    assert rows == RollupFinest.objects.count() + RollupFiveMinutes.objects.count() + RollupHour.objects.count()
    assert (RollupHour.objects.count(), RollupFiveMinutes.objects.count()) == (30 * 24 + 1, 4 * 24 * 12)
    service = chat()
    whole = queries.increments(service=service, family="requests_total", start=NOW - month, end=NOW)
    assert whole == {(): 5 * (30 * 24 * 12 - 1)}
    one = Replica("chat-0")
    one.serve(1000)
    collect(source, 0, one)
    one.serve(7)
    collect(source, 1, one)
    forget_rows()
    later: dict[str, Any] = {"service": service, "family": "requests_total"}
    assert queries.increments(**later, start=NOW - timedelta(hours=1), end=NOW + TICK) == {(): 11 * 5 + 7}
    # 20 days ago the hours are what is left: the window runs between them, and says so.
    old = queries.increments(**later, start=NOW - timedelta(days=20, minutes=20), end=NOW - timedelta(days=19))
    assert old == {(): 25 * 12 * 5}
    assert old.edges == Edges(NOW - timedelta(days=20, hours=1), NOW - timedelta(days=19))
    with pytest.raises(BackfillTooLate, match="has counted up to 2026-11-17 10:00:30"):
        backfill(source=source, chunks=[history(NOW - step, NOW, step=step)], now=NOW)


def test_old_partitions_go_and_the_window_moves_to_the_coarser_tier(source: MetricSource) -> None:
    one = Replica("chat-0")
    ensure_partitions(now=NOW)
    for number in range(0, 2401, 10):  # 20 hours, a tick every 5 minutes
        one.serve(10)
        ensure_partitions(now=NOW + number * TICK)
        collect(source, number, one)
    end = NOW + 2400 * TICK
    assert thin_and_prune(now=end) == 26, "13 hours of counters and of sums"
    assert RollupFinest.objects.order_by("at").values_list("at", flat=True)[0] == end - timedelta(hours=7)
    assert Tick.objects.count() == 241
    forget_rows()
    whole = queries.increments(service=chat(), family="requests_total", start=NOW, end=end)
    assert whole == {(): 2400}
    assert queries.increments(service=chat(), family="requests_running", start=NOW, end=end, by=("replica",)) == {}


def test_no_module_of_rollups_reads_readings() -> None:
    folder = Path(queries.__file__).parent
    assert all("KeptReading" not in path.read_text() for path in folder.glob("*.py"))
