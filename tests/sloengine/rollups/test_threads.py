"""Threads of one web process read windows at the same time."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import connections

from sloengine.collect import services
from sloengine.rollups import queries
from sloengine.rollups.queries import rows, slots
from sloengine.sources.base import Reading
from tests import factories
from tests.conftest import NOW
from tests.sloengine.readings import Replica, together

TICK = timedelta(seconds=30)


def at_once(work: Callable[[], None], *, threads: int = 6) -> None:
    gate = threading.Barrier(threads)

    def worker() -> None:
        gate.wait()
        work()
        connections.close_all()

    running = [threading.Thread(target=worker) for _ in range(threads)]
    for each in running:
        each.start()
    for each in running:
        each.join()


@pytest.mark.django_db(transaction=True)
def test_threads_that_learn_slots_together_count_nothing_twice() -> None:
    source = factories.make_source(factories.make_organisation("threads"), name="threads")
    many = [Replica(f"chat-{number}", version=str(number)) for number in range(30)]
    for tick in range(2):
        for one in many:
            one.serve(1)
        services.collect_reading(source=source, reading=Reading(NOW + tick * TICK, together(*many)))
    chat = source.organisation.services.get(slug="chat")
    found: list[dict[tuple[str, ...], float]] = []

    def read() -> None:
        found.append(dict(queries.increments(service=chat, family="requests_total", start=NOW, end=NOW + TICK)))

    for _ in range(3):
        slots.forget_slots()
        at_once(read)
    assert found == [{(): 30.0}] * 18
    services.forget()


@pytest.mark.django_db
def test_a_cached_row_that_another_thread_puts_out_is_still_read(monkeypatch: pytest.MonkeyPatch) -> None:
    source = factories.make_source(factories.make_organisation(), name="fleet")
    one = Replica("chat-0")
    one.serve(1)
    services.collect_reading(source=source, reading=Reading(NOW, together(one)))
    chat = source.organisation.services.get(slug="chat")

    class Racing(OrderedDict[Any, Any]):
        def get(self, key, default=None):
            found = super().get(key, default)
            self.pop(key, None)  # the other thread, between two statements of this one
            return found

    monkeypatch.setattr(rows, "_cache", Racing())
    for _ in range(2):
        assert queries.increments(service=chat, family="requests_total", start=NOW - TICK, end=NOW) == {(): 0}
    services.forget()
