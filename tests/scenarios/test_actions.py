"""First response on the simulated fleet: proposed with its reason, approved by a second person, and the fleet mends by mechanism."""

from __future__ import annotations

from datetime import timedelta

import pytest

from incidents.actions import services as actions
from incidents.actions.models import ActionRun
from incidents.response import services as response
from incidents.response.models import Incident, TimelineEntry
from incidents.response.severity import Severity
from observability.core import permissions
from observability.core.models import User
from sloengine.catalog.models import Service

pytestmark = [pytest.mark.django_db, pytest.mark.heavy]


def actor(world, name):
    return permissions.of(User.objects.get(username=name), world.organisation)


def story(incident):
    kinds = TimelineEntry.objects.filter(incident=incident, kind__startswith="action_").order_by("at", "pk")
    return list(kinds.values_list("kind", flat=True))


TOLD = ["action_proposed", "action_approved", "action_ran", "action_verified"]


def test_tighter_admission_ends_the_queue_of_a_spike_by_mechanism(world):
    world.bind_actions()
    world.advance(timedelta(minutes=10))
    world.fleet.start_fault("traffic-spike")
    assert world.advance_until(ActionRun.objects.exists, within=timedelta(minutes=5))
    run, incident = ActionRun.objects.get(), Incident.objects.get()
    assert (run.action, incident.leaf) == ("tighten_admission", "traffic-spike")
    pool = world.fleet.pool("chat")
    assert pool.waiting > 40

    response.acknowledge(incident=incident, actor=actor(world, "bob"), now=world.now)
    actions.approve(run=run, actor=actor(world, "alice"), now=world.now, go=True)
    approved = world.now
    assert world.advance_until(lambda: ActionRun.objects.filter(state="verified").exists(), within=timedelta(minutes=6))
    run.refresh_from_db()
    incident.refresh_from_db()
    assert pool.waiting < 5  # a request may just have come
    assert pool.gateway.outcomes()["rejected"] > 100
    assert "The p95 time to first token is" in run.reason
    assert (story(incident), incident.state) == (TOLD, "mitigated")
    assert incident.mitigated_at - approved < timedelta(minutes=3)


def test_a_stalled_replica_is_restarted_alone_and_is_done_when_a_completion_has_come_back(world):
    world.bind_actions()
    world.advance(timedelta(minutes=6))
    world.fleet.start_mechanism("hang", service="chat", replica=1)
    world.advance(timedelta(minutes=2))
    bob = actor(world, "bob")
    incident = response.declare(
        organisation=world.organisation,
        title="One replica answers nobody",
        severity=Severity.SEV3,
        service=Service.objects.get(slug="chat"),
        impact_started_at=world.now - timedelta(minutes=2),
        actor=bob,
        now=world.now,
    )
    response.acknowledge(incident=incident, actor=bob, now=world.now)
    Incident.objects.filter(pk=incident.pk).update(leaf="stall", confidence=0.9)
    assert world.advance_until(ActionRun.objects.exists, within=timedelta(minutes=1))
    run = ActionRun.objects.get()
    assert (run.action, run.parameters) == ("warm_restart", {"replica": "chat-1"})

    actions.approve(run=run, actor=actor(world, "alice"), now=world.now, go=True)
    replicas = world.fleet.pool("chat").replicas
    started = [replica.started for replica in replicas]
    assert world.advance_until(
        lambda: ActionRun.objects.filter(state="verifying").exists(), within=timedelta(minutes=3)
    )
    run.refresh_from_db()
    assert run.reason == "a completion has come back"
    assert [replica.started != before for replica, before in zip(replicas, started, strict=True)] == [
        False, True, False, False,
    ]  # fmt: skip
    assert world.fleet.complete("chat", "hello", 4, replica="chat-1").outcome == "ok"
    assert world.advance_until(lambda: ActionRun.objects.filter(state="verified").exists(), within=timedelta(minutes=6))
    incident.refresh_from_db()
    assert (story(incident), incident.state) == (TOLD, "mitigated")
    response.resolve(incident=incident, actor=bob, now=world.now)
