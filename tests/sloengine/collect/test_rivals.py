"""Two workers come for the same tick at the same moment."""

from __future__ import annotations

import threading
from datetime import timedelta

import pytest
from django.db import connections

from sloengine.catalog.models import Service
from sloengine.collect import services
from sloengine.collect.models import Tick
from sloengine.rollups import queries
from sloengine.sources import recorded
from tests import factories
from tests.conftest import NOW
from tests.sloengine.readings import Replica, together

TICK = timedelta(seconds=30)


@pytest.mark.django_db(transaction=True)
def test_rivals_count_a_tick_once() -> None:
    factories.make_source(factories.make_organisation("rivals"), name="rivals")
    one = Replica("chat-0")
    one.serve(1)
    recorded.register("rivals", recorded.Live(lambda: together(one)))
    services.collect_due(now=NOW)
    counted: list[int] = []
    for number in range(1, 6):
        one.serve(10)
        gate = threading.Barrier(4)

        def worker(gate: threading.Barrier = gate, number: int = number) -> None:
            gate.wait()
            counted.append(services.collect_due(now=NOW + number * TICK))
            connections.close_all()

        threads = [threading.Thread(target=worker) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    recorded.unregister("rivals")
    assert sum(counted) == 5
    assert Tick.objects.count() == 6
    chat = Service.objects.get(slug="chat")
    assert queries.increments(service=chat, family="requests_total", start=NOW, end=NOW + 5 * TICK) == {(): 50}
    services.forget()
