"""Two workers at once, on a real PostgreSQL and against real HTTP: every page once, every incident once."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from functools import partial

import pytest
from django.db import connection

from incidents.alerts import services as alerts
from incidents.paging import services
from incidents.paging.models import EscalationStep, Page
from incidents.response import services as response
from incidents.response.models import Incident
from observability.core import permissions
from tests import factories
from tests.factories import NOW
from tests.incidents.paging.conftest import World

pytestmark = pytest.mark.django_db(transaction=True)


def together(*calls: Callable[[], object]) -> list[object]:
    """Run all calls at once, each on a thread and a connection of its own; what they returned or raised."""
    gate = threading.Barrier(len(calls))
    results: list[object] = [None] * len(calls)

    def run(place: int, call: Callable[[], object]) -> None:
        gate.wait()
        try:
            results[place] = call()
        except Exception as error:
            results[place] = error
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=(place, call)) for place, call in enumerate(calls)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


def test_two_deliverers_send_every_page_once(committed_world: World) -> None:
    for _ in range(60):
        committed_world.incident()
    sent = together(*[lambda: services.deliver_due(now=NOW)] * 2)
    while services.deliver_due(now=NOW + timedelta(seconds=1)):
        pass
    assert all(isinstance(count, int) for count in sent)
    counted = Counter(message["page"] for message in committed_world.phone_of_ana.messages)
    assert set(counted) == set(Page.objects.values_list("pk", flat=True))
    assert set(counted.values()) == {1}
    assert not any(message["repeated"] for message in committed_world.phone_of_ana.messages)


def test_two_sweepers_take_every_step_once(committed_world: World) -> None:
    for _ in range(10):
        committed_world.incident()
    together(*[lambda: services.escalate_due(now=NOW + timedelta(minutes=5))] * 3)
    assert EscalationStep.objects.filter(number=2, state=EscalationStep.State.DONE).count() == 10
    assert Page.objects.filter(user=committed_world.ben).count() == 10


def test_two_readers_open_one_incident_for_one_cause(committed_world: World) -> None:
    chat = factories.make_service(committed_world.organisation)
    for _ in range(5):
        factories.make_finding(chat)
    results = together(*[lambda: alerts.pull_findings(now=NOW)] * 3)
    alerts.pull_findings(now=NOW)
    assert all(isinstance(result, int) for result in results), results
    assert Incident.objects.get().alerts.count() == 5
    assert Page.objects.count() == 1


def test_two_acknowledgements_leave_one_entry(committed_world: World) -> None:
    world = committed_world
    incident = world.incident()
    actors = [permissions.of(person, world.organisation) for person in (world.ana, world.ben)]
    results = together(*[partial(response.acknowledge, incident=incident, actor=actor, now=NOW) for actor in actors])
    assert all(isinstance(result, Incident) for result in results), results
    assert incident.timeline.filter(kind="acknowledged").count() == 1


def test_an_answer_and_an_escalation_never_cross(committed_world: World) -> None:
    world = committed_world
    actor = permissions.of(world.ana, world.organisation)
    for _ in range(5):
        incident = world.incident()
        results = together(
            partial(response.acknowledge, incident=incident, actor=actor, now=NOW + timedelta(minutes=5)),
            lambda: services.escalate_due(now=NOW + timedelta(minutes=5)),
            lambda: services.deliver_due(now=NOW + timedelta(minutes=5)),
        )
        assert not any(isinstance(result, Exception) for result in results), results
        incident.refresh_from_db()
        assert incident.state == "acknowledged"
        assert not incident.escalation_steps.filter(state="pending").exists()
        assert not incident.pages.filter(state="pending", lease_until=None).exists()


def test_numbers_are_given_out_once(committed_world: World) -> None:
    service = factories.make_service(committed_world.organisation)
    together(*[lambda: factories.make_incident(service)] * 8)
    assert sorted(Incident.objects.values_list("number", flat=True)) == list(range(1, 9))
