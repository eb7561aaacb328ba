"""One tick in one transaction: who counts it, what a repeat does, what is caught up."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest

from sloengine.catalog.models import Change, Deployment, Service
from sloengine.collect import services
from sloengine.collect.models import Block, KeptReading, MetricSource, Slot, Tick
from sloengine.collect.slots import Scope
from sloengine.rollups import queries
from sloengine.rollups.models import RollupFinest, RollupFiveMinutes
from sloengine.sources import recorded
from sloengine.sources.base import Reading, SourceUnavailable
from tests import factories
from tests.conftest import NOW
from tests.sloengine.readings import Replica, together

pytestmark = pytest.mark.django_db
TICK = timedelta(seconds=30)


@pytest.fixture
def source() -> Iterator[MetricSource]:
    yield MetricSource.objects.create(
        organisation=factories.make_organisation(), name="fleet", kind=MetricSource.Kind.MEMORY, url="memory:fleet"
    )
    recorded.unregister("fleet")
    services.forget()


def requests(start: datetime, end: datetime) -> dict[tuple[str, ...], float]:
    chat = Service.objects.get(slug="chat")
    return dict(queries.increments(service=chat, family="requests_total", start=start, end=end, by=("outcome",)))


def test_replicas_are_summed_and_a_repeat_changes_nothing(source: MetricSource) -> None:
    one, two = Replica("chat-0"), Replica("chat-1")
    one.serve(100)
    two.serve(50)
    recorded.register("fleet", recorded.Live(lambda: together(one, two)))
    assert services.collect_due(now=NOW) == 1
    one.serve(7)
    two.serve(5)
    two.serve(1, outcome="error")
    assert services.collect_due(now=NOW + TICK) == 1
    one.serve(1000)
    assert services.collect_due(now=NOW + TICK) == 0
    assert services.collect_due(now=NOW + TICK + timedelta(seconds=29)) == 0
    assert requests(NOW, NOW + TICK) == {("ok",): 12.0, ("error",): 1.0}
    assert Tick.objects.filter(source=source).count() == 2


def test_another_process_goes_on_where_the_first_one_stopped(source: MetricSource) -> None:
    one = Replica("chat-0")
    recorded.register("fleet", recorded.Live(lambda: together(one)))
    for number in range(6):
        one.serve(10)
        services.collect_due(now=NOW + number * TICK)
        services.forget()
    assert requests(NOW, NOW + 5 * TICK) == {("ok",): 50.0}
    assert Block.objects.filter(source=source).count() == 2  # one for the service, one for its replicas


def test_a_tick_is_counted_once_whoever_comes_twice(source: MetricSource) -> None:
    one = Replica("chat-0")
    one.serve(1)
    reading = Reading(NOW, together(one))
    assert services.collect_reading(source=source, reading=reading)
    assert not services.collect_reading(source=source, reading=reading)
    assert not services.collect_reading(source=source, reading=Reading(NOW - TICK, together(one)))


def test_a_source_that_cannot_tell_the_past_covers_a_gap_with_one_reading(source: MetricSource) -> None:
    one = Replica("chat-0")
    one.serve(1)
    recorded.register("fleet", recorded.Live(lambda: together(one)))
    services.collect_due(now=NOW)
    one.serve(9)
    assert services.collect_due(now=NOW + 10 * TICK) == 1
    assert Tick.objects.get(at=NOW + 10 * TICK).covers == 10
    assert requests(NOW, NOW + 10 * TICK) == {("ok",): 9.0}
    assert requests(NOW, NOW + 9 * TICK) == {}  # nothing was read until then


def test_missed_ticks_of_a_source_that_tells_the_past_are_caught_up_in_order(source: MetricSource) -> None:
    one = Replica("chat-0")
    readings = []
    for number in range(8):
        one.serve(number)
        readings.append(Reading(NOW + number * TICK, together(one)))
    recorded.register("fleet", recorded.Recorded(readings))
    assert services.collect_due(now=NOW) == 1
    assert services.collect_due(now=NOW + 7 * TICK) == 7
    assert list(Tick.objects.order_by("at").values_list("covers", flat=True)) == [1] * 8
    assert [requests(NOW + i * TICK, NOW + (i + 1) * TICK)[("ok",)] for i in range(7)] == [1, 2, 3, 4, 5, 6, 7]


def test_a_source_that_cannot_be_read_says_so_and_since_when(source: MetricSource) -> None:
    one = Replica("chat-0")
    one.serve(1)
    recorded.register("fleet", recorded.Live(lambda: together(one)))
    services.collect_due(now=NOW)

    class Dead:
        reads_past = False

        def read(self, at: datetime) -> Reading:
            raise SourceUnavailable("connection refused")

    recorded.register("fleet", Dead())
    assert services.collect_due(now=NOW + TICK) == 0
    assert services.collect_due(now=NOW + 2 * TICK) == 0
    source.refresh_from_db()
    assert (source.failing_since, source.last_error) == (NOW + TICK, "connection refused")
    recorded.register("fleet", recorded.Live(lambda: together(one)))
    one.serve(4)
    assert services.collect_due(now=NOW + 3 * TICK) == 1
    source.refresh_from_db()
    assert (source.failing_since, source.last_error) == (None, "")
    assert requests(NOW, NOW + 3 * TICK) == {("ok",): 4.0}


def test_services_and_versions_are_discovered_and_a_new_version_is_a_change(source: MetricSource) -> None:
    one = Replica("chat-0")
    one.serve(1)
    recorded.register("fleet", recorded.Live(lambda: together(one)))
    services.collect_due(now=NOW)
    one.restart((NOW + TICK).timestamp() - 20, version="2")
    one.serve(3)
    services.collect_due(now=NOW + TICK)
    assert list(Deployment.objects.order_by("seen_from").values_list("version", "config_hash")) == [
        ("1", "hash-1"), ("2", "hash-2"),
    ]  # fmt: skip
    change = Change.objects.get()
    assert (change.kind, change.before["version"], change.after["version"]) == ("deploy", "1", "2")
    assert requests(NOW, NOW + TICK) == {("ok",): 3.0}


def test_a_row_goes_into_each_tier_on_whose_step_it_lies_and_replicas_stay_in_the_finest(source: MetricSource) -> None:
    one = Replica("chat-0")
    one.serve(1)
    recorded.register("fleet", recorded.Live(lambda: together(one)))
    for number in range(11):
        services.collect_due(now=NOW + number * TICK)
    assert RollupFinest.objects.count() == 22
    assert list(RollupFiveMinutes.objects.values_list("at", flat=True).order_by("at")) == [NOW, NOW + 10 * TICK]


def test_where_a_step_was_missed_the_row_before_it_stands_in(source: MetricSource) -> None:
    one = Replica("chat-0")
    one.serve(1)
    recorded.register("fleet", recorded.Live(lambda: together(one)))
    services.collect_due(now=NOW + TICK)
    services.collect_due(now=NOW + 13 * TICK)
    assert list(RollupFiveMinutes.objects.values_list("at", flat=True)) == [NOW + TICK]


def test_replicas_that_are_gone_cost_no_rows_and_count_on_when_they_return(source: MetricSource) -> None:
    one = Replica("chat-0")
    one.serve(5)
    for number in range(5):
        one.serve(10)
        here = [one] if number in (0, 1, 4) else []
        services.collect_reading(source=source, reading=Reading(NOW + number * TICK, together(*here)))
        services.forget()
    assert RollupFinest.objects.filter(block__scope="service").count() == 5
    assert RollupFinest.objects.filter(block__scope="replica").count() == 3
    ask: dict[str, Any] = {"service": Service.objects.get(slug="chat"), "family": "e2e_seconds", "by": ("replica",)}
    assert queries.increments(**ask, start=NOW, end=NOW + 4 * TICK) == {("chat-0",): 40}
    assert queries.increments(**ask, start=NOW + TICK, end=NOW + 3 * TICK) == {}


def test_a_label_that_runs_away_gets_no_more_slots(source: MetricSource, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sloengine.collect.services.ticks.MAX_SLOTS", {Scope.SERVICE: 50, Scope.REPLICA: 9})
    one = Replica("chat-0")
    for number in range(100):
        one.serve(1, outcome=f"user-{number}")
    recorded.register("fleet", recorded.Live(lambda: together(one)))
    assert services.collect_due(now=NOW) == 1
    assert services.collect_due(now=NOW + TICK) == 1
    assert Slot.objects.count() == 59


def test_slots_are_only_added(source: MetricSource) -> None:
    one = Replica("chat-0")
    one.serve(1)
    recorded.register("fleet", recorded.Live(lambda: together(one)))
    services.collect_due(now=NOW)
    before = dict(Slot.objects.values_list("digest", "position"))
    one.serve(1, outcome="timeout")
    services.collect_due(now=NOW + TICK)
    after = dict(Slot.objects.values_list("digest", "position"))
    assert after.items() > before.items()
    source.refresh_from_db()
    assert source.slot_count == len(after)
    assert len(KeptReading.objects.get().values) % 8 == 0
