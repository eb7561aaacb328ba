from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import DatabaseError, transaction

from incidents.paging.models import EscalationStep, Page
from incidents.response import queries, services
from incidents.response.lifecycle import State
from incidents.response.models import Incident, TimelineEntry
from incidents.response.services import MoveRefused
from incidents.response.severity import Severity
from incidents.response.timeline import TimelineKind
from observability.core import permissions
from observability.core.models import AuditEntry, Organisation, Role, User
from observability.core.permissions import Actor, NotAllowed
from tests import factories
from tests.factories import NOW

pytestmark = pytest.mark.django_db


@pytest.fixture
def ana(acme: Organisation) -> User:
    return factories.make_user(acme, username="ana")


def by(user: User, organisation: Organisation) -> Actor:
    return permissions.of(user, organisation)


def kinds(incident: Incident) -> list[str]:
    return [entry.kind for entry in queries.timeline(incident=incident)]


def later(minutes: float) -> timedelta:
    return timedelta(minutes=minutes)


def test_numbers_count_up_in_each_organisation(acme: Organisation) -> None:
    other = factories.make_organisation("other")
    numbers = [factories.make_incident(organisation=owner).number for owner in (acme, acme, other)]
    assert numbers == [1, 2, 1]


def test_the_whole_life_leaves_its_timeline_its_audit_and_its_times(acme: Organisation, ana: User) -> None:
    incident = factories.make_incident(factories.make_service(acme))
    actor = by(ana, acme)
    services.acknowledge(incident=incident, actor=actor, now=NOW + later(2))
    services.mitigate(incident=incident, actor=actor, now=NOW + later(20), reason="drained replica 3")
    ended = services.resolve(incident=incident, actor=actor, now=NOW + later(30))
    assert kinds(incident) == ["opened", "acknowledged", "mitigated", "resolved", "postmortem_drafted"]
    assert (ended.state, ended.acknowledged_by, ended.commander) == (State.RESOLVED, ana, ana)
    assert (ended.times.to_mitigate, ended.times.to_resolve) == (later(23), later(33))
    assert ended.changed_at == NOW + later(30)
    verbs = AuditEntry.objects.filter(organisation=acme).order_by("pk").values_list("verb", "actor")
    assert list(verbs)[-3:] == [("acknowledge", "user:ana"), ("mitigate", "user:ana"), ("resolve", "user:ana")]


def test_acknowledging_twice_keeps_the_first_answer(acme: Organisation, ana: User) -> None:
    incident = factories.make_incident(factories.make_service(acme))
    ben = factories.make_user(acme, username="ben")
    services.acknowledge(incident=incident, actor=by(ana, acme), now=NOW + later(1))
    again = services.acknowledge(incident=incident, actor=by(ben, acme), now=NOW + later(2))
    assert (again.acknowledged_by, again.acknowledged_at) == (ana, NOW + later(1))
    assert kinds(incident) == ["opened", "acknowledged"]


def test_what_cannot_be_done_is_refused_in_words(acme: Organisation, ana: User) -> None:
    incident = factories.make_incident(factories.make_service(acme))
    services.resolve(incident=incident, actor=by(ana, acme), now=NOW)
    with pytest.raises(MoveRefused, match=r"^INC-1 cannot be changed \(acknowledge\): it is resolved\.$"):
        services.acknowledge(incident=incident, actor=by(ana, acme), now=NOW)


@pytest.mark.parametrize("verb", ["acknowledge", "mitigate", "resolve"])
def test_a_viewer_changes_nothing(acme: Organisation, verb: str) -> None:
    incident = factories.make_incident(factories.make_service(acme))
    viewer = factories.make_user(acme, role=Role.VIEWER)
    with pytest.raises(NotAllowed):
        getattr(services, verb)(incident=incident, actor=by(viewer, acme), now=NOW)
    incident.refresh_from_db()
    assert (incident.state, kinds(incident)) == (State.OPEN, ["opened"])


def test_another_organisation_changes_nothing(acme: Organisation) -> None:
    incident = factories.make_incident(factories.make_service(acme))
    other = factories.make_organisation("other")
    stranger = factories.make_user(other, role=Role.ADMIN)
    with pytest.raises(NotAllowed):
        services.acknowledge(incident=incident, actor=by(stranger, other), now=NOW)


def test_anyone_may_declare_and_sev2_pages_at_once(acme: Organisation, ana: User) -> None:
    factories.make_pager(ana, acme, url="http://127.0.0.1:1/")
    factories.make_policy(acme, ana)
    viewer = factories.make_user(acme, role=Role.VIEWER)
    chat = factories.make_service(acme)
    incident = services.declare(
        organisation=acme,
        title="Answers look wrong",
        severity=Severity.SEV2,
        actor=by(viewer, acme),
        now=NOW,
        service=chat,
    )
    assert (incident.declared_by, incident.group_key) == (viewer, f"declared:{incident.number}")
    assert Page.objects.get(incident=incident).user == ana


def test_a_declared_sev4_pages_nobody_until_it_becomes_worse(acme: Organisation, ana: User) -> None:
    factories.make_pager(ana, acme, url="http://127.0.0.1:1/")
    factories.make_policy(acme, ana)
    actor = by(ana, acme)
    incident = services.declare(organisation=acme, title="Odd", severity=Severity.SEV4, actor=actor, now=NOW)
    assert not Page.objects.filter(incident=incident).exists()
    services.change_severity(incident=incident, severity=Severity.SEV3, actor=actor, now=NOW)
    assert not Page.objects.filter(incident=incident).exists()
    services.change_severity(incident=incident, severity=Severity.SEV2, actor=actor, now=NOW, reason="users call")
    assert [page.kind for page in Page.objects.filter(incident=incident)] == [Page.Kind.OPENED]
    services.change_severity(incident=incident, severity=Severity.SEV1, actor=actor, now=NOW)
    # The first page has not left yet: it will carry SEV1 itself.
    assert Page.objects.filter(incident=incident).count() == 1


def test_an_answer_cancels_pages_and_steps(acme: Organisation, ana: User) -> None:
    ben = factories.make_user(acme, username="ben")
    for person in (ana, ben):
        factories.make_pager(person, acme, url="http://127.0.0.1:1/")
    factories.make_policy(acme, ana, ben)
    incident = services.page(incident=factories.make_incident(factories.make_service(acme)), now=NOW)
    assert EscalationStep.objects.filter(incident=incident, state="pending").get().user == ben
    services.acknowledge(incident=incident, actor=by(ana, acme), now=NOW + later(1))
    assert [page.state for page in incident.pages.all()] == [Page.State.CANCELLED]
    assert [step.state for step in incident.escalation_steps.all()] == ["done", "cancelled"]


def test_reopening_pages_anew(acme: Organisation, ana: User) -> None:
    factories.make_pager(ana, acme, url="http://127.0.0.1:1/")
    factories.make_policy(acme, ana)
    actor = by(ana, acme)
    incident = services.page(incident=factories.make_incident(factories.make_service(acme)), now=NOW)
    services.resolve(incident=incident, actor=actor, now=NOW + later(1))
    again = services.reopen(incident=incident, actor=actor, now=NOW + later(2), reason="not over")
    assert (again.state, again.resolved_at, again.mitigated_at, again.escalation_run) == (State.OPEN, None, None, 2)
    assert Page.objects.filter(incident=incident, state=Page.State.PENDING).count() == 1


def test_notes_impact_start_and_command(acme: Organisation, ana: User) -> None:
    incident = factories.make_incident(factories.make_service(acme))
    actor = by(ana, acme)
    entry = services.add_note(incident=incident, text="  look at replica 3 ", actor=actor, now=NOW)
    assert (entry.sentence, entry.actor, entry.actor_user) == ("look at replica 3", "ana", ana)
    moved = services.set_impact_start(incident=incident, at=NOW - later(9), actor=actor, now=NOW)
    assert moved.times.to_detect == later(9)
    assert services.take_command(incident=incident, actor=actor, now=NOW).commander == ana
    assert kinds(incident) == ["opened", "note", "note", "role_taken"]


def test_one_open_incident_a_cause_is_held_by_the_database(acme: Organisation) -> None:
    chat = factories.make_service(acme)
    factories.make_incident(chat, group_key="service:1")
    with pytest.raises(DatabaseError), transaction.atomic():
        factories.make_incident(chat, group_key="service:1")


@pytest.mark.parametrize(
    "statement", ["UPDATE incidents_timelineentry SET actor = 'x'", "DELETE FROM incidents_timelineentry"]
)
def test_the_run_time_role_can_only_add_to_the_timeline(acme: Organisation, statement: str) -> None:
    factories.make_incident(factories.make_service(acme))
    from django.db import connection

    with pytest.raises(DatabaseError, match="permission denied"), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement)
    assert TimelineEntry.objects.count() == 1


def test_every_kind_of_the_closed_list_can_be_written(acme: Organisation) -> None:
    incident = factories.make_incident(factories.make_service(acme))
    for kind in TimelineKind:
        services.write_timeline(incident=incident, kind=kind, now=NOW)
    assert {entry.kind for entry in queries.timeline(incident=incident)} == {kind.value for kind in TimelineKind}


def test_lists_are_narrowed_by_what_is_given(acme: Organisation, ana: User) -> None:
    chat, code = factories.make_service(acme), factories.make_service(acme)
    first = factories.make_incident(chat, title="late tokens")
    second = factories.make_incident(code, title="errors", severity=Severity.SEV4, now=NOW + later(1))
    services.resolve(incident=first, actor=by(ana, acme), now=NOW + later(2))
    found = queries.incidents
    assert list(found(organisation=acme)) == [second, first]
    assert list(found(organisation=acme, state=State.RESOLVED)) == [first]
    assert list(found(organisation=acme, service=code)) == [second]
    assert list(found(organisation=acme, severity=4)) == [second]
    assert list(found(organisation=acme, text="LATE")) == [first]
    assert list(found(organisation=acme, text="inc-2")) == [second]
    assert list(found(organisation=acme, since=NOW + later(1))) == [second]
    assert list(queries.unresolved(organisation=acme)) == [second]
    assert queries.changed_at(organisation=acme) == NOW + later(2)
    assert queries.incident(organisation=acme, number=2) == second
    assert queries.incident(organisation=factories.make_organisation("other"), number=2) is None
