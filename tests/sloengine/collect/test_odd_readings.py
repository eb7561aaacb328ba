"""Readings as nobody should send them: one source, one series or one number spoils nothing else."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from datetime import timedelta

import pytest
from django.db import IntegrityError

from probes.exposition import Samples, Series, series
from sloengine.catalog.models import Service
from sloengine.collect import services
from sloengine.collect.models import Block, MetricSource, Slot
from sloengine.collect.services import state, ticks
from sloengine.rollups import queries
from sloengine.sources import recorded
from sloengine.sources.base import Reading
from tests import factories
from tests.conftest import NOW
from tests.sloengine.readings import BOUNDS, Replica, together

pytestmark = pytest.mark.django_db
TICK = timedelta(seconds=30)
COUNT = series("tailwatch_requests_total", service="chat", replica="chat-0", outcome="ok")


@pytest.fixture
def source() -> Iterator[MetricSource]:
    yield factories.make_source(factories.make_organisation(), name="fleet")
    recorded.unregister("fleet")
    services.forget()


def collect(source: MetricSource, number: int, samples: Mapping[Series, float]) -> None:
    services.collect_reading(source=source, reading=Reading(NOW + number * TICK, samples))


def counted(family: str, *, first: int = 0, last: int, **where: str) -> float | None:
    chat, start, end = Service.objects.get(slug="chat"), NOW + first * TICK, NOW + last * TICK
    return queries.increments(service=chat, family=family, start=start, end=end, where=where).get(())


def test_a_source_that_breaks_stops_no_other(source: MetricSource) -> None:
    def broken() -> Samples:
        raise KeyError("data")

    factories.make_source(source.organisation, name="good")
    recorded.register("fleet", recorded.Live(broken))
    recorded.register("good", recorded.Live(lambda: together(Replica("chat-0"))))
    assert services.collect_due(now=NOW) == 1
    recorded.unregister("good")
    source.refresh_from_db()
    assert (source.failing_since, source.last_error) == (NOW, "it broke off: KeyError('data')")


def test_a_source_whose_address_is_nonsense_stops_no_other(source: MetricSource) -> None:
    MetricSource.objects.filter(pk=source.pk).update(kind="prometheus", url="http://[half")
    factories.make_source(source.organisation, name="good")
    recorded.register("good", recorded.Live(lambda: together(Replica("chat-0"))))
    for number in range(2):
        assert services.collect_due(now=NOW + number * TICK) == 1
    recorded.unregister("good")


@pytest.mark.parametrize("label", ["a\x00b", "long" * 100], ids=["nul", "long"])
@pytest.mark.parametrize("name", ["service", "version", "tenant"])
def test_labels_that_no_column_holds_are_kept_as_far_as_they_go(source: MetricSource, name: str, label: str) -> None:
    one = Replica("chat-0")
    odd = series("tailwatch_requests_total", **{"service": "chat", "replica": "odd", "outcome": "ok", name: label})
    for number in range(2):
        one.serve(3)
        collect(source, number, {**together(one), odd: 5.0 * number})
    assert counted("requests_total", last=1) == 3 + (0 if name == "service" else 5)


def test_a_label_that_reads_as_two_is_one_label(source: MetricSource) -> None:
    mine = {"service": "chat", "replica": "gateway"}
    two = series("tailwatch_requests_total", **mine, tenant="a", version="2")
    one = series("tailwatch_requests_total", **mine, tenant="a\x1fversion=2")
    for number in range(2):
        collect(source, number, {one: 1.0 * number, two: 10.0 * number})
    assert counted("requests_total", last=1) == 11
    assert counted("requests_total", last=1, tenant="a") == 10


def test_a_family_with_an_endless_name_feeds_nothing(source: MetricSource) -> None:
    collect(source, 0, {COUNT: 1.0, series(f"tailwatch_{'x' * 300}_total", service="chat"): 1.0})
    assert not Slot.objects.filter(family__startswith="xxx").exists()


@pytest.mark.parametrize("odd", [-5.0, 2.0**64, 1e308, math.inf, math.nan])
def test_a_count_that_can_be_none_is_passed_over(source: MetricSource, odd: float) -> None:
    for number, value in enumerate((10.0, odd, 17.0)):
        collect(source, number, {COUNT: value})
    assert counted("requests_total", last=2) == 7


@pytest.mark.parametrize("odd", [1e200, -1e300, math.inf])
def test_a_gauge_beyond_reason_does_not_drown_the_others(source: MetricSource, odd: float) -> None:
    kv = series("tailwatch_kv_cache_ratio", service="chat", replica="chat-0")
    for number, value in enumerate((0.25, odd, 0.5, 0.5)):
        collect(source, number, {kv: value})
    chat = Service.objects.get(slug="chat")
    window = queries.gauge(service=chat, family="kv_cache_ratio", start=NOW + TICK, end=NOW + 3 * TICK)[()]
    assert (window.n, window.mean, window.stdev) == (2, 0.5, 0.0)


def test_a_bound_that_went_leaves_no_bucket_that_stands_still(source: MetricSource) -> None:
    """An engine's upgrade moved a bound: what is at or below 0.25 s is unknown now, and not nothing."""
    one = Replica("chat-0", bounds=BOUNDS)
    one.serve(10)
    collect(source, 0, together(one))
    one.bounds = ("0.05", "0.1", "0.3", "0.5", "1.0", "+Inf")
    one.restart(NOW.timestamp() + 1)
    one.serve(100, seconds=0.2)
    collect(source, 1, together(one))
    chat = Service.objects.get(slug="chat")
    window = queries.histogram(service=chat, family="ttft_seconds", start=NOW, end=NOW + TICK)[()]
    assert (window.bounds, window.counts) == ((0.05, 0.1, 0.3, 0.5, 1.0, math.inf), (0, 0, 100, 100, 100, 100))
    assert window.count == 100
    assert window.sum == pytest.approx(20)


def test_replicas_that_come_and_go_leave_room_for_services(
    source: MetricSource, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ticks, "MAX_SLOTS", dict.fromkeys(ticks.MAX_SLOTS, 100))
    for number in range(20):
        collect(source, number, together(Replica(f"chat-{number}")))
    assert Slot.objects.filter(scope="replica").count() == 100
    new = series("tailwatch_requests_total", service="chat", replica="chat-0", outcome="error")
    for number in (20, 21):
        collect(source, number, {**together(Replica("chat-0")), new: 4.0 * (number - 20)})
    assert counted("requests_total", first=20, last=21, outcome="error") == 4


def test_what_a_lost_transaction_allocated_is_forgotten(source: MetricSource, monkeypatch: pytest.MonkeyPatch) -> None:
    """This process lost its transaction after it had counted; another one counted the same tick and gave out the slots."""
    collect(source, 0, {})

    def lost(*_: object) -> None:
        raise IntegrityError("the server went away")

    monkeypatch.setattr("django.db.transaction.on_commit", lost)
    with pytest.raises(IntegrityError):
        collect(source, 1, {COUNT: 1.0})
    monkeypatch.undo()
    mine = dict(state._states)
    services.forget()
    collect(source, 1, {COUNT: 1.0})
    state._states.update(mine)
    collect(source, 2, {COUNT: 6.0})
    assert counted("requests_total", first=1, last=2) == 5
    assert Block.objects.filter(source=source).count() == 1


def test_a_clock_that_was_set_back_far_is_said(source: MetricSource) -> None:
    recorded.register("fleet", recorded.Live(lambda: together(Replica("chat-0"))))
    assert services.collect_due(now=NOW) == 1
    assert services.collect_due(now=NOW - timedelta(minutes=4)) == 0
    source.refresh_from_db()
    assert source.failing_since is None
    assert services.collect_due(now=NOW - timedelta(hours=1)) == 0
    source.refresh_from_db()
    assert source.last_error == "the clock was set back: it is 2026-11-17 09:00:00, and 2026-11-17 10:00:00 is counted"
    assert services.collect_due(now=NOW + TICK) == 1
    source.refresh_from_db()
    assert source.failing_since is None
