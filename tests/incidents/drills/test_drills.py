"""A drill from its start to its score: the fault always ends, and no message leaves the drill."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

import httpx
import pytest
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext

from incidents.alerts import services as alerts
from incidents.command import services as command
from incidents.demo.services import NothingBroke, break_something
from incidents.drills import queries, services
from incidents.drills.models import Drill
from incidents.drills.score import Question, Step, from_json
from incidents.paging import services as paging
from incidents.paging.models import Page, PagerEndpoint
from incidents.response import services as response
from incidents.response.models import Incident
from incidents.response.severity import Severity
from incidents.runbooks import services as runbooks
from incidents.runbooks.models import RunbookUse
from incidents.updates import services as updates
from observability.core import permissions
from observability.core.models import Organisation, Role, User
from observability.core.permissions import Actor, NotAllowed
from observability.core.refusals import Refused
from probes.simfleet.server import FleetServer
from sloengine.budgets.models import Finding
from sloengine.catalog.models import Service
from tests.factories import NOW, clear_finding, make_finding, make_incident, make_user

MINUTE = timedelta(minutes=1)


def after(minutes: float) -> datetime:
    return NOW + timedelta(minutes=minutes)


def actor(organisation: Organisation, user: User) -> Actor:
    return permissions.of(user, organisation)


def begin(
    organisation: Organisation, *people: User, fault: str = "traffic-spike", now: datetime = NOW, **given: Any
) -> Drill:
    return services.start(
        organisation=organisation, people=people, fault=fault, actor=actor(organisation, people[0]), now=now, **given
    )


def service(slug: str) -> Service:
    return Service.objects.get(slug=slug)


def burn(slug: str, at: datetime) -> Finding:
    return make_finding(service(slug), now=at, evidence={"indicator": "ttft", "impact_start": at.isoformat()})


def active(fleet: FleetServer) -> list[str]:
    return list(fleet.faults()["active"])


def reached() -> set[tuple[str, str]]:
    """Who was written a page, and through what."""
    rows = Page.objects.select_related("endpoint", "endpoint__user")
    return {(page.endpoint.recipient, page.endpoint.name) for page in rows}


def unreachable(request: httpx.Request) -> httpx.Response:
    raise httpx.ConnectError("connection refused")


def test_a_drill_is_played_scored_and_remembered(fleet: FleetServer, acme: Organisation, bob: User) -> None:
    drill = begin(acme, bob)
    assert (active(fleet), drill.number, drill.surprise) == (["traffic-spike"], 1, False)
    finding = burn("chat", after(1))
    alerts.pull_findings(now=after(1.5))
    paging.escalate_due(now=after(1.5))
    incident = Incident.objects.get()
    assert incident.drill
    mine = actor(acme, bob)
    response.acknowledge(incident=incident, actor=mine, now=after(3))
    runbooks.begin(incident=incident, actor=mine, now=after(4))
    response.mitigate(incident=incident, actor=mine, now=after(9))
    assert services.drive_due(now=after(9)) == 1
    assert active(fleet) == []
    clear_finding(finding, now=after(10))
    alerts.pull_findings(now=after(10))
    response.resolve(incident=incident, actor=mine, now=after(14))
    services.drive_due(now=after(14))
    drill.refresh_from_db()
    score = from_json(drill.score)
    assert (drill.state, drill.stop_reason, drill.incident) == ("over", "INC-1 was mitigated", incident)
    assert score.answers[Question.DETECTED]
    assert score.answers[Question.ONE_INCIDENT]
    assert score.answers[Question.BRANCH]
    assert {step: seconds for step, seconds in score.seconds.items() if step is not Step.PAGED} == {
        Step.DETECTED: 60, Step.ACKNOWLEDGED: 180, Step.OPENED: 240, Step.MITIGATED: 540, Step.RESOLVED: 840,
    }  # fmt: skip
    used = RunbookUse.objects.get(slug="traffic-spike")
    assert (used.drilled_at, used.used_at) == (after(14), None)
    (record,) = queries.history(organisation=acme)
    assert (record.person, record.fault, record.drills) == ("Bob", "Traffic spike", 1)
    assert record.spreads[Step.MITIGATED].best == 540
    with CaptureQueriesContext(connection) as asked:
        assert services.drive_due(now=after(60)) == 0
    assert len(asked) == 1


def test_messages_of_a_drill_reach_only_the_inboxes_of_those_who_take_part(
    fleet: FleetServer, acme: Organisation, bob: User
) -> None:
    room = PagerEndpoint(
        organisation=acme, user=None, name="Everyone", url="https://pager.example/room", created_at=NOW
    )
    vendor = PagerEndpoint(
        organisation=acme,
        user=None,
        name="Vendor",
        kind="pagerduty",
        escalates=True,
        url="https://v.example",
        created_at=NOW,
    )
    for one in (room, vendor):
        one.secret = "s"
        one.save()
    begin(acme, bob)
    burn("chat", after(1))
    alerts.pull_findings(now=after(1))
    incident = Incident.objects.get()
    mine = actor(acme, bob)
    for minutes in range(2, 10, 2):
        paging.escalate_due(now=after(minutes))
    Page.objects.update(attempts=1, state=Page.State.SENT)
    response.change_severity(incident=incident, severity=Severity.SEV1, actor=mine, now=after(40))
    alice = User.objects.get(username="alice")
    with pytest.raises(Refused, match="Alice takes no part in this drill"):
        command.add_responder(incident=incident, person=alice, actor=mine, now=after(41))
    updates.remind_due(now=after(80))
    response.acknowledge(incident=incident, actor=mine, now=after(81))
    updates.remind_due(now=after(200))
    response.reopen(
        incident=response.resolve(incident=incident, actor=mine, now=after(201)), actor=mine, now=after(202)
    )
    response.resolve(incident=incident, actor=mine, now=after(203))
    kinds = set(Page.objects.values_list("kind", flat=True))
    assert kinds >= {"opened", "escalated", "raised", "resolved"}
    assert reached() == {("Bob", "Drill inbox")}


def test_pages_are_kept_in_the_drill_where_they_are_written(fleet: FleetServer, acme: Organisation, bob: User) -> None:
    begin(acme, bob)
    burn("chat", after(1))
    alerts.pull_findings(now=after(1))
    drilled, real = Incident.objects.get(), make_incident(service("billing"), now=after(1))
    every = list(PagerEndpoint.objects.select_related("user", "organisation"))
    for incident in (drilled, real):
        paging.write_pages(
            incident=incident, endpoints=every, kind=Page.Kind.ASKED, reason="a mistake", decision="x", now=after(2)
        )
    wrote = Page.objects.filter(decision="x").values_list("incident", "endpoint__user__username", "endpoint__drill")
    assert set(wrote) == {(drilled.pk, "bob", True), (real.pk, "alice", False), (real.pk, "bob", False)}


def test_a_real_incident_pages_as_ever_while_a_drill_runs(fleet: FleetServer, acme: Organisation, bob: User) -> None:
    begin(acme, bob)
    burn("billing", after(1))
    alerts.pull_findings(now=after(1))
    assert not Incident.objects.get().drill
    assert reached() == {("Alice", "Phone")}


def test_what_opens_just_after_is_its_echo_and_what_opens_later_is_meant(
    fleet: FleetServer, acme: Organisation, bob: User
) -> None:
    drill = services.end(drill=begin(acme, bob), actor=actor(acme, bob), now=after(5))
    assert (drill.state, drill.stop_reason, active(fleet)) == ("settling", "ended by bob", [])
    first = burn("chat", after(8))
    alerts.pull_findings(now=after(8))
    incident = Incident.objects.get()
    assert incident.drill
    clear_finding(first, now=after(9))
    alerts.pull_findings(now=after(9))
    response.resolve(incident=incident, actor=actor(acme, bob), now=after(14))
    services.drive_due(now=after(14))
    burn("chat", after(16))
    alerts.pull_findings(now=after(16))
    again = Incident.objects.order_by("-pk")[0]
    assert (again.drill, again.pk == incident.pk) == (False, False)
    assert ("Alice", "Phone") in reached()


def test_the_time_runs_out_and_nothing_was_found(fleet: FleetServer, acme: Organisation, bob: User) -> None:
    drill = begin(acme, bob, fault="", lasts=5 * MINUTE)
    assert (drill.surprise, drill.shown) == (True, "A surprise")
    services.drive_due(now=after(4))
    assert active(fleet) == [drill.fault]
    services.drive_due(now=after(5))
    assert active(fleet) == []
    services.drive_due(now=after(8))
    drill.refresh_from_db()
    assert (drill.state, drill.stop_reason, from_json(drill.score).right) == ("over", "the time is up", 0)
    assert drill.shown == drill.title


def test_a_fleet_that_does_not_answer_is_told_again_until_it_does(
    fleet: FleetServer, acme: Organisation, bob: User
) -> None:
    drill = begin(acme, bob)
    dead = httpx.MockTransport(unreachable)
    drill = services.end(drill=drill, actor=actor(acme, bob), now=after(1), transport=dead)
    assert (drill.state, "does not answer" in drill.trouble, active(fleet)) == ("stopping", True, ["traffic-spike"])
    services.drive_due(now=after(2), transport=dead)
    services.drive_due(now=after(3))
    drill.refresh_from_db()
    assert (drill.state, drill.trouble, active(fleet)) == ("settling", "", [])


def test_the_fleet_ends_the_fault_by_itself_when_nobody_is_left_to_say_so(
    fleet: FleetServer, acme: Organisation, bob: User
) -> None:
    begin(acme, bob, lasts=5 * MINUTE)
    assert 0 < fleet._until["traffic-spike"] - fleet.fleet.now <= 6 * 60


def test_a_fleet_that_is_gone_ends_the_drill(fleet: FleetServer, acme: Organisation, bob: User) -> None:
    begin(acme, bob, lasts=5 * MINUTE)
    dead = httpx.MockTransport(unreachable)
    states = []
    for minutes in (5, 10, 16.1, 19):
        services.drive_due(now=after(minutes), transport=dead)
        states.append(Drill.objects.get().state)
    assert states == ["stopping", "stopping", "settling", "over"]


def refuses(said: str, organisation: Organisation, people: Iterable[User], **given: Any) -> None:
    with pytest.raises(services.DrillRefused, match=said):
        begin(organisation, *people, **given)
    assert not Drill.objects.exclude(state="over").exists()


def test_a_drill_is_refused_with_a_sentence(fleet: FleetServer, acme: Organisation, bob: User, settings: Any) -> None:
    refuses("lasts from 5 minutes", acme, [bob], lasts=MINUTE)
    refuses("There is no fault 'earthquake'; there are .*traffic-spike", acme, [bob], fault="earthquake")
    with pytest.raises(services.DrillRefused, match="Who takes part"):
        services.start(organisation=acme, people=[], actor=actor(acme, bob), now=NOW)
    real = make_incident(service("code"))
    refuses("INC-1 is open for a simulated service", acme, [bob])
    response.resolve(incident=real, actor=actor(acme, bob), now=after(1))
    refuses("INC-1 has just ended and would open again; start after 10:11:00", acme, [bob], now=after(2))
    begin(acme, bob, now=after(20))
    with pytest.raises(services.DrillRefused, match="A drill runs already"):
        begin(acme, bob, now=after(21))
    with pytest.raises(NothingBroke, match="A drill runs"):
        break_something(organisation=acme, actor=actor(acme, bob), now=after(22))
    with pytest.raises(IntegrityError), transaction.atomic():
        Drill.objects.create(organisation=acme, number=9, started_at=NOW, ends_at=NOW, due_at=NOW)
    vera = make_user(acme, username="vera", role=Role.VIEWER)
    with pytest.raises(NotAllowed):
        begin(acme, vera)
    settings.TAILWATCH_DEMO_FLEET_URL = ""
    with pytest.raises(services.DrillRefused, match="no simulated fleet here"):
        services.faults()


def test_a_fault_that_does_not_start_leaves_no_drill_running(fleet: FleetServer, acme: Organisation, bob: User) -> None:
    def only_reads(request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, json=fleet.faults()) if request.method != "POST" else httpx.Response(500)

    with pytest.raises(services.DrillRefused, match="HTTP 500"):
        begin(acme, bob, transport=httpx.MockTransport(only_reads))
    assert Drill.objects.get().state == "settling"
    services.drive_due(now=after(3))
    assert Drill.objects.get().state == "over"


def test_others_join_while_it_runs(fleet: FleetServer, acme: Organisation, bob: User) -> None:
    drill = begin(acme, bob)
    carol = make_user(acme, username="carol")
    services.join(drill=drill, actor=actor(acme, carol), now=after(1))
    services.join(drill=drill, actor=actor(acme, carol), now=after(1))
    burn("chat", after(1))
    alerts.pull_findings(now=after(1))
    assert reached() == {("Bob", "Drill inbox"), ("Carol", "Drill inbox")}
    services.end(drill=drill, actor=actor(acme, bob), now=after(2))
    services.end(drill=drill, actor=actor(acme, carol), now=after(3))
    drill.refresh_from_db()
    assert drill.stop_reason == "ended by bob"
