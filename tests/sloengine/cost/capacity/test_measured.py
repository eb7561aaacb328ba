"""What a replica carries is measured from rollups: a day of readings, busier by the hour, slow where it is full."""

from __future__ import annotations

from datetime import timedelta

import pytest

from observability.core.services import default_organisation
from sloengine.catalog.models import Service
from sloengine.collect.models import MetricSource
from sloengine.collect.services import collect_reading
from sloengine.cost.capacity import queries, telling
from sloengine.rollups.services import ensure_partitions
from sloengine.sources.base import Reading
from tests import factories
from tests.factories import NOW
from tests.sloengine.readings import Replica, together

TICK = timedelta(minutes=20)
HOURS = 15


@pytest.fixture
def service(db) -> Service:
    organisation = default_organisation()
    source = MetricSource.objects.create(
        organisation=organisation, name="probe", kind="memory", url="memory:world", tick_seconds=60
    )
    ensure_partitions(now=NOW, since=NOW - timedelta(days=2))
    replicas = [Replica(f"chat-{number}") for number in range(2)]
    at = NOW - timedelta(hours=HOURS)
    for number in range(HOURS * 3 + 1):
        hour = max(number - 1, 0) // 3
        for replica in replicas:
            replica.serve(1200 * (hour + 1), seconds=0.2 if hour < 12 else 0.9)
            replica._add("prompt_tokens_total", 0)
        collect_reading(source=source, reading=Reading(at=at, samples=together(*replicas)))
        at += TICK
    return Service.objects.select_related("organisation").get(organisation=organisation, slug="chat")


def test_the_load_at_which_it_becomes_slow_is_what_a_replica_carries(service):
    for day in range(1, 21):
        factories.make_usage(service, at=NOW - timedelta(days=day), tenant="acme", requests_ok=9, output=3600 * 130)
    found = queries.look(service=service, now=NOW).capacity
    assert found.replicas == 2
    assert found.saturation is not None
    assert found.saturation.seen
    # 10 tokens a request, 1,200 in 20 minutes: an hour's load is 10, 20, ... tokens a second and replica; slow from 130 on.
    assert 110 < found.saturation.load < 140
    assert found.carried is not None
    assert found.headroom == pytest.approx(1 - 130 / found.carried)
    assert telling.headline(found) == "chat lasts the quarter"
    assert telling.one_more(found).endswith("; its price is unknown.")
