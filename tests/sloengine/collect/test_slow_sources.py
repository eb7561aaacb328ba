"""A source that hangs, takes its time or is busy: it is asked by one worker, never in a page's way, and never again and again."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from django.db import connections

from observability.core import questions
from sloengine.collect import services
from sloengine.collect.models import MetricSource, Tick
from sloengine.collect.services import asking, ticks
from sloengine.collect.services.reading import Due, Read, read_all, side_by_side
from sloengine.objectives.asked import Asked
from sloengine.sources import recorded
from sloengine.sources.base import SourceUnavailable, seconds_left, within
from tests import factories, servers
from tests.conftest import NOW
from tests.sloengine.collect import stub
from tests.sloengine.readings import Replica, together

TICK = timedelta(seconds=30)


@pytest.fixture
def server() -> Iterator[stub.Stub]:
    with stub.serving() as running:
        yield running


def due(*, now: datetime) -> list[bool]:
    found = [questions.question_of(service) for service in (services.collect_due, services.catch_up_due)]
    return questions.together([one for one in found if one is not None], now=now)


@pytest.mark.django_db(transaction=True)
def test_a_source_that_hangs_holds_one_worker_and_the_others_are_collected(server: stub.Stub) -> None:
    organisation = factories.make_organisation("hangs")
    hung = factories.make_source(organisation, kind="prometheus", url=server.url)

    def worker() -> None:
        services.collect_due(now=NOW)
        connections.close_all()

    first = threading.Thread(target=worker)
    first.start()
    assert server.was_asked.wait(10)
    one = Replica("chat-0")
    recorded.register("quick", recorded.Live(lambda: together(one)))
    quick = factories.make_source(organisation, name="quick", tick_seconds=15)
    later = NOW + timedelta(seconds=15)
    assert services.collect_due(now=later) == 1, "the quick source, by the second worker"
    quick.refresh_from_db()
    assert quick.last_tick == later
    assert due(now=later) == [False, False], "nobody else comes for the one that hangs"
    assert server.asked == ["series"]
    server.may_answer.set()
    first.join()
    hung.refresh_from_db()
    assert (hung.last_tick, hung.asked_until) == (NOW, None)
    assert due(now=NOW + TICK) == [True, False]
    recorded.unregister("quick")
    services.forget()


@pytest.mark.django_db
def test_what_does_not_answer_in_time_is_left_alone_from_the_end_of_the_attempt(
    server: stub.Stub, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = factories.make_source(factories.make_organisation(), kind="prometheus", url=server.url)
    monkeypatch.setattr(ticks, "QUICK", replace(ticks.QUICK, seconds=1.05))
    assert services.collect_due(now=NOW) == 0
    source.refresh_from_db()
    assert (source.attempted_at, source.asked_until) == (NOW + timedelta(seconds=1), None)
    assert source.asked_seconds > 1
    assert [due(now=NOW + timedelta(seconds=after))[0] for after in (15, 16)] == [False, True]


@pytest.mark.django_db
def test_a_source_that_takes_its_time_is_asked_where_nobody_waits_until_it_is_quick_again(server: stub.Stub) -> None:
    server.may_answer.set()
    source = factories.make_source(
        factories.make_organisation(), kind="prometheus", url=server.url, asked_seconds=5.0, last_tick=NOW
    )
    assert due(now=NOW + TICK) == [False, True]
    assert services.collect_due(now=NOW + TICK) == 0
    assert services.catch_up_due(now=NOW + TICK) == 1
    assert due(now=NOW + 2 * TICK) == [True, False]
    # Much to catch up: in one question, unless it failed, then a single tick shows first whether it answers again.
    assert [due(now=NOW + number * TICK) for number in (5, 6)] == [[True, False], [False, True]]
    server.paths.clear()
    MetricSource.objects.filter(pk=source.pk).update(failing_since=NOW, attempted_at=NOW)
    assert services.catch_up_due(now=NOW + 11 * TICK) == 1
    assert services.catch_up_due(now=NOW + 11 * TICK) == 9
    assert server.paths == sorted(server.paths), "an instant, then ranges"
    assert Tick.objects.filter(source=source).count() == 11


@pytest.mark.django_db
def test_a_worker_that_died_keeps_no_source_from_the_others() -> None:
    organisation = factories.make_organisation()
    MetricSource.objects.bulk_create(
        MetricSource(organisation=organisation, name=name, kind="scrape", url="http://127.0.0.1:1", asked_until=until)
        for name, until in {"held": NOW + TICK, "lost": NOW, "ahead": NOW + timedelta(days=1)}.items()
    )
    assert services.collect_due(now=NOW) == 0
    assert set(MetricSource.objects.exclude(failing_since=None).values_list("name", flat=True)) == {"lost", "ahead"}


def asks(*texts: str) -> list[Asked]:
    return [Asked("chat", text, (("raw", text),), False, False, "", 0.0) for text in texts]


def read(server: stub.Stub, *texts: str, ticks: Sequence[datetime] = (NOW,)) -> Read:
    server.may_answer.set()
    server.asked.clear()
    server.paths.clear()
    return read_all(Due(MetricSource(kind="prometheus", url=server.url), ticks, asks(*texts)), seconds=5)


def test_a_slow_query_delays_no_other_source(server: stub.Stub) -> None:
    server.hangs = {"queries"}
    first = MetricSource(name="first", kind="prometheus", url=server.url)
    nobody = MetricSource(name="nobody", kind="prometheus", url=f"http://127.0.0.1:{servers.free_port()}")
    came = side_by_side([Due(first, [NOW], asks("q")), Due(nobody, [NOW])], seconds=5)
    source, told = next(came)
    assert (source.name, told.problem is None) == ("nobody", False)
    server.may_answer.set()
    source, told = next(came)
    assert (source.name, len(told.readings[0].samples)) == ("first", 2)


def test_a_server_that_is_busy_is_asked_no_further_query_and_what_failed_is_asked_last_and_seldom(
    server: stub.Stub,
) -> None:
    asking._troubles.clear()
    server.busy = {"b"}
    (reading,) = read(server, "a", "b", "c").readings
    assert [text for text in server.asked if text != "series"] == ["a", "b"]
    assert [warning[:7] for warning in reading.warnings] == ["chat/b:", "chat/c:"]
    assert "not asked" in reading.warnings[1]
    asked = []
    for number in range(1, 8):
        (reading,) = read(server, "a", "b", "c", ticks=[NOW + number * TICK]).readings
        assert [warning[:7] for warning in reading.warnings] == ["chat/b:"], "it costs its own objective only"
        asked.append(server.asked[-1])
    assert asked == ["b", "c", "b", "c", "c", "c", "b"], "at the next tick, then after 2, after 4"
    server.busy.clear()
    (reading,) = read(server, "a", "b", "c", ticks=[NOW + 15 * TICK]).readings
    assert (reading.warnings, asking._troubles[asking._key(MetricSource())]) == ((), {})


def test_a_query_is_asked_once_for_all_objectives_and_for_all_ticks_that_are_caught_up(server: stub.Stub) -> None:
    asking._troubles.clear()
    instants = [NOW + number * TICK for number in range(12)]
    found = read(server, "q", "q", ticks=instants)
    assert [(reading.at, len(reading.samples)) for reading in found.readings] == [(at, 2) for at in instants]
    assert server.asked.count("q") == 1
    assert set(server.paths) == {"query_range"}


@pytest.mark.parametrize("number", [1, 12], ids=["a tick", "ticks that are caught up"])
def test_all_that_is_asked_together_has_one_deadline(server: stub.Stub, number: int) -> None:
    source = MetricSource(kind="prometheus", url=server.url)
    told = read_all(Due(source, [NOW + place * TICK for place in range(number)]), seconds=0.05)
    assert told.problem is not None
    assert 0.05 <= told.seconds < 2
    with within(0), pytest.raises(SourceUnavailable, match="too long together"):
        seconds_left(12)
    assert seconds_left(12) == 12
