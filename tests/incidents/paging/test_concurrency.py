"""Two workers at once, on a real PostgreSQL and against real HTTP: every page once, every incident once."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial

import pytest
from django.db import connection
from django.utils.module_loading import import_string

from incidents.alerts import services as alerts
from incidents.oncall import services as oncall
from incidents.oncall.models import ShiftNotice
from incidents.oncall.watch import services as watch
from incidents.paging import services
from incidents.paging.models import EscalationStep, Page
from incidents.response import services as response
from incidents.response.models import Incident
from incidents.response.severity import Severity
from observability.celery import BEAT, FAST
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


def test_two_conflicting_overrides_at_once_leave_one_and_the_other_is_told(committed_world: World) -> None:
    world = committed_world
    schedule = factories.make_schedule(world.organisation, world.ana, world.ben)
    for day in range(1, 4):
        begin = NOW + timedelta(days=day)
        calls = [
            partial(
                oncall.add_override,
                schedule=schedule,
                username=person.username,
                starts_at=begin,
                ends_at=begin + timedelta(hours=4),
                actor=permissions.of(person, world.organisation),
                now=NOW,
            )
            for person in (world.ana, world.ben)
        ]
        results = together(*calls)
        refused = [result for result in results if isinstance(result, oncall.OverrideConflict)]
        assert len(refused) == 1
        assert "already has" in str(refused[0])
    assert schedule.overrides.count() == 3


def test_two_watchers_open_one_incident_for_a_gap_and_tell_a_hand_over_once(committed_world: World) -> None:
    world = committed_world
    member = [{"people": ["ana"]}]
    layer = {"name": "weekly", "starts": "2026-11-02T09:00", "until": "2026-11-17T20:00", "members": member}
    factories.make_schedule(world.organisation, layers=[layer])
    together(*[lambda: watch.watch_due(now=NOW)] * 3)
    assert Incident.objects.filter(group_key__startswith="gap:").count() == 1
    assert ShiftNotice.objects.filter(kind="shift_begins").count() == 1


def test_two_who_end_an_acknowledgement_at_once_page_anew_once(committed_world: World) -> None:
    world = committed_world
    incident = world.incident()
    response.change_severity(
        incident=incident, severity=Severity.SEV1, actor=permissions.system(world.organisation), now=NOW
    )
    response.acknowledge(incident=incident, actor=permissions.of(world.ana, world.organisation), now=NOW)
    together(*[lambda: response.expire_answers(now=NOW + timedelta(minutes=31))] * 3)
    incident.refresh_from_db()
    assert (incident.state, incident.escalation_run) == ("open", 2)
    assert incident.timeline.filter(kind="ack_expired").count() == 1


@pytest.mark.parametrize("apart_seconds", [0, 5.9])
def test_two_beats_at_once_whose_clocks_differ_by_less_than_a_tenth_of_a_lease(
    committed_world: World, apart_seconds: float
) -> None:
    world, due = committed_world, NOW + timedelta(minutes=5)
    chat = factories.make_service(world.organisation)
    for _ in range(6):
        world.incident()
    for _ in range(3):
        factories.make_finding(chat)
    beats = [import_string(beat.service) for beat in BEAT if beat.queue == FAST]

    def play(now: datetime) -> None:
        for beat in beats:
            beat(now=now)

    clocks = due, due + timedelta(seconds=apart_seconds)
    assert together(*[partial(play, now) for now in clocks]) == [None, None]
    for second in range(3):
        play(max(clocks) + timedelta(seconds=second))
    assert Incident.objects.get(service=chat).alerts.count() == 3
    assert EscalationStep.objects.filter(number=2, state=EscalationStep.State.DONE).count() == 6
    assert set(Page.objects.values_list("state", flat=True)) == {Page.State.SENT}
    told = [*world.phone_of_ana.messages, *world.phone_of_ben.messages]
    assert Counter(one["page"] for one in told) == dict.fromkeys(Page.objects.values_list("pk", flat=True), 1)
    assert not any(one["repeated"] for one in told)
