"""Break something: the fleet is told, nobody else; afterwards the diagnosis is judged."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import httpx
import pytest
from django.test import Client

from incidents.demo import queries, services
from incidents.demo.faults import LEAVES, TITLES, outcome
from incidents.response import services as response
from observability.core import permissions
from observability.core.models import AuditEntry, Organisation, Role
from observability.core.permissions import NotAllowed
from probes.simfleet.faults import FAULTS
from probes.simfleet.fleet import default_config
from probes.simfleet.server import FleetServer
from tests import worlds

FLEET = "http://127.0.0.1:9850"


@pytest.fixture
def world(db: None, frozen_now: datetime, settings: Any) -> worlds.World:
    settings.TAILWATCH_DEMO_FLEET_URL = FLEET
    return worlds.small_world(now=frozen_now)


@pytest.fixture
def breaks(world: worlds.World, frozen_now: datetime) -> Callable[..., list[httpx.Request]]:
    def press(*, role: str = Role.RESPONDER, status: int = 200, fault: str | None = None) -> list[httpx.Request]:
        seen: list[httpx.Request] = []

        def fleet(request: httpx.Request) -> httpx.Response:
            seen.append(request)
            return httpx.Response(status if request.method == "POST" else 200)

        actor = permissions.of(world.people[role], world.organisation)
        transport = httpx.MockTransport(fleet)
        services.break_something(
            organisation=world.organisation, actor=actor, now=frozen_now, fault=fault, transport=transport
        )
        return seen

    return press


def test_every_fault_of_the_fleet_can_be_broken_here() -> None:
    assert set(TITLES) == set(FAULTS)
    assert {name: LEAVES.get(name, name) for name in TITLES} == {one.name: one.expected_leaf for one in FAULTS.values()}


def test_the_old_faults_end_and_one_starts(breaks: Any) -> None:
    ended, started = breaks()
    assert (ended.method, str(ended.url)) == ("DELETE", f"{FLEET}/faults")
    body = json.loads(started.content)
    assert body["fault"] in TITLES
    assert (body["action"], body["seconds"]) == ("start", 1200)


def test_what_was_broken_is_in_the_audit_log_only(breaks: Any, world: worlds.World, client: Client) -> None:
    breaks(fault="decode-slowdown")
    assert AuditEntry.objects.get(verb="start_fault").payload == {"fault": "decode-slowdown", "drawn": False}
    client.force_login(world.people[Role.RESPONDER])
    text = client.get("/").content.decode()
    assert "Something was broken" in text
    assert "The fault was" not in text


def test_a_fault_may_be_chosen_on_the_page(world: worlds.World, client: Client, settings: Any) -> None:
    client.force_login(world.people[Role.RESPONDER])
    assert '<option value="retry-storm">' in client.get("/").content.decode()
    server = FleetServer(default_config(), host="127.0.0.1", port=0)
    server.start()
    settings.TAILWATCH_DEMO_FLEET_URL = server.url
    try:
        client.post("/demo/break/", {"fault": "retry-storm"})
        assert server.faults()["active"] == ["retry-storm"]
    finally:
        server.stop()


@pytest.mark.parametrize("role", [Role.VIEWER, Role.LEADERSHIP, Role.AUDITOR])
def test_who_may_not_break_is_refused(breaks: Any, role: str) -> None:
    with pytest.raises(NotAllowed):
        breaks(role=role)
    assert not AuditEntry.objects.filter(verb="start_fault").exists()


def test_a_fleet_that_refuses_is_named_and_nothing_is_written(breaks: Any) -> None:
    with pytest.raises(services.NothingBroke, match="HTTP 500"):
        breaks(status=500)
    assert not AuditEntry.objects.filter(verb="start_fault").exists()


def test_without_a_fleet_there_is_no_button_and_no_break(world: worlds.World, client: Client, settings: Any) -> None:
    settings.TAILWATCH_DEMO_FLEET_URL = ""
    client.force_login(world.people[Role.ADMIN])
    assert "Break something" not in client.get("/").content.decode()
    assert "no simulated fleet" in client.post("/demo/break/", follow=True).content.decode()


def test_a_fleet_that_is_gone_is_said_on_the_page(world: worlds.World, client: Client, settings: Any) -> None:
    settings.TAILWATCH_DEMO_FLEET_URL = "http://127.0.0.1:9"
    client.force_login(world.people[Role.ADMIN])
    assert "does not answer" in client.post("/demo/break/", follow=True).content.decode()


@pytest.mark.parametrize(("fault", "correct"), [("traffic-spike", True), ("decode-slowdown", False)])
def test_the_answer_is_shown_when_the_incident_is_over(
    breaks: Any, world: worlds.World, frozen_now: datetime, fault: str, correct: bool
) -> None:
    breaks(fault=fault)
    later = frozen_now + timedelta(seconds=90)
    incident = worlds.make_incident(
        organisation=world.organisation, service=world.services["code"], now=later, number_key="broken"
    )
    reveal = queries.last_break(organisation=world.organisation, now=later)
    assert reveal is not None
    assert (reveal.outcome.revealed, reveal.outcome.detected_seconds) == (False, 90)
    response.resolve(incident=incident, actor=permissions.system(world.organisation), now=later)
    reveal = queries.last_break(organisation=world.organisation, now=later)
    assert reveal is not None
    assert (reveal.outcome.revealed, reveal.outcome.correct, reveal.incident) == (True, correct, incident)


def test_a_fault_that_nothing_noticed_is_admitted(frozen_now: datetime) -> None:
    at = frozen_now - timedelta(minutes=25)
    judged = outcome(fault="runaway-tenant", at=at, by="ada", leaf=None, opened_at=None, over=False, now=frozen_now)
    assert (judged.revealed, judged.correct, judged.detected_seconds) == (True, None, None)


def test_another_organisation_hears_nothing(breaks: Any, frozen_now: datetime) -> None:
    breaks()
    other = Organisation.objects.create(slug="other", name="Other")
    assert queries.last_break(organisation=other, now=frozen_now) is None
    assert queries.phone(organisation=other) == ()


def test_the_phone_shows_its_button_only_while_someone_is_needed(
    world: worlds.World, client: Client, frozen_now: datetime
) -> None:
    client.force_login(world.people[Role.RESPONDER])
    assert 'href="/ack/some-token/"' in client.get("/demo/pager/").content.decode()
    actor = permissions.of(world.people[Role.RESPONDER], world.organisation)
    response.acknowledge(incident=world.incident, actor=actor, now=frozen_now)
    text = client.get("/demo/pager/").content.decode()
    assert "/ack/some-token/" not in text
    assert "The incident is acknowledged." in text


def test_a_real_fleet_breaks_once_and_only_once(world: worlds.World, client: Client, settings: Any) -> None:
    server = FleetServer(default_config(), host="127.0.0.1", port=0)
    server.start()
    settings.TAILWATCH_DEMO_FLEET_URL = server.url
    client.force_login(world.people[Role.RESPONDER])
    try:
        for _ in range(3):
            assert "Something is broken now" in client.post("/demo/break/", follow=True).content.decode()
            newest = AuditEntry.objects.filter(verb="start_fault").latest("pk")
            assert server.faults()["active"] == [newest.payload["fault"]]
    finally:
        server.stop()
