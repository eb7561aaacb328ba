"""Pods come and go for ever: slots of replicas that are gone are given out again, and nobody is shown another's figures."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest

from sloengine.catalog.models import Service
from sloengine.collect import services
from sloengine.collect.models import MetricSource, Slot
from sloengine.collect.services import ticks
from sloengine.collect.slots import Scope
from sloengine.rollups import queries
from sloengine.sources.base import Reading
from tests import factories
from tests.conftest import NOW
from tests.sloengine.readings import Replica, together

pytestmark = pytest.mark.django_db
HOUR, TICK = timedelta(hours=1), timedelta(seconds=30)
GONE = timedelta(seconds=ticks.REUSE_AFTER_SECONDS)


@pytest.fixture
def source() -> Iterator[MetricSource]:
    yield factories.make_source(factories.make_organisation(), name="fleet")
    services.forget()


def collect(source: MetricSource, at: timedelta, *replicas: Replica) -> None:
    for one in replicas:
        one.serve(10)
    services.collect_reading(source=source, reading=Reading(NOW + at, together(*replicas)))


def served(end: timedelta, *, hours: float) -> dict[tuple[str, ...], float]:
    chat = Service.objects.get(slug="chat")
    start = NOW + end - timedelta(hours=hours)
    return dict(queries.increments(service=chat, family="e2e_seconds", start=start, end=NOW + end, by=("replica",)))


@pytest.mark.parametrize("forgetful", [False, True], ids=["one process", "a new process each tick"])
def test_a_new_pod_takes_the_slots_of_one_that_is_long_gone(source: MetricSource, forgetful: bool) -> None:
    old, stays, new = Replica("old"), Replica("stays"), Replica("new")
    collect(source, -TICK, old, stays)
    collect(source, timedelta(0), old, stays)
    assert served(timedelta(0), hours=1) == {("old",): 10, ("stays",): 10}
    slots = Slot.objects.filter(scope="replica").count()
    collect(source, TICK, stays)
    for hour in range(1, int(GONE / HOUR) + 2):
        if forgetful:
            services.forget()
        collect(source, hour * HOUR, stays)
    new.start = (NOW + GONE + HOUR).timestamp()
    end = GONE + HOUR + TICK
    collect(source, end, stays, new)
    assert Slot.objects.filter(scope="replica").count() == slots
    assert not Slot.objects.filter(labels__contains=[["replica", "old"]]).exists()
    if forgetful:
        services.forget()
    assert served(end, hours=0.5) == {("stays",): 20, ("new",): 10}
    collect(source, end + TICK, stays, new)
    assert served(end + TICK, hours=0.5) == {("stays",): 30, ("new",): 20}
    chat = Service.objects.get(slug="chat")
    whole = queries.increments(service=chat, family="e2e_seconds", start=NOW - HOUR, end=NOW + end + TICK)
    assert whole[()] == 10 + 10 + 10 * (1 + int(GONE / HOUR) + 1) + 40, (
        "the service's own slots are never given out again"
    )


def test_a_pod_that_comes_back_keeps_its_slots(source: MetricSource) -> None:
    away, stays = Replica("away"), Replica("stays")
    collect(source, timedelta(0), away, stays)
    for hour in range(1, int(GONE / HOUR) + 2):
        collect(source, hour * HOUR, stays)
    at = GONE + HOUR + TICK
    collect(source, at, away, stays, Replica("new", start=(NOW + at).timestamp()))
    collect(source, at + TICK, away, stays)
    assert served(at + TICK, hours=0.01)["away",] == 20


def test_pods_beyond_the_room_get_slots_once_others_are_gone(
    source: MetricSource, monkeypatch: pytest.MonkeyPatch
) -> None:
    collect(source, timedelta(0), Replica("first"))
    mine = Slot.objects.filter(scope="replica").count()
    room = {**ticks.MAX_SLOTS, Scope.REPLICA: mine}
    monkeypatch.setattr(ticks, "MAX_SLOTS", room)
    second = Replica("second")
    for hour in range(1, int(GONE / HOUR) + 4):
        collect(source, hour * HOUR, second)
    digests = Slot.objects.filter(scope="replica", labels__contains=[["replica", "second"]]).count()
    assert digests == mine == Slot.objects.filter(scope="replica").count()
