"""What somebody would try who wants a page lost: answers that count too much, runs that tell the wrong people, what is forgotten."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from incidents.ingest.payloads import Answer
from incidents.oncall.models import ScheduleGap
from incidents.oncall.watch import services as watch
from incidents.paging import services as paging
from incidents.paging.answers import services as answers
from incidents.paging.models import Page
from incidents.response import services as response
from incidents.response.models import Incident
from incidents.response.severity import Severity
from observability.core import outbound, permissions
from observability.core.models import Role, User
from tests import factories
from tests.factories import NOW

pytestmark = pytest.mark.django_db


def at(minutes: float):
    return NOW + timedelta(minutes=minutes)


@pytest.fixture
def people(acme) -> list[User]:
    found = [factories.make_user(acme, username=name) for name in ("ana", "ben", "cleo")]
    for person in found:
        User.objects.filter(pk=person.pk).update(email=f"{person.username}@acme.example")
        factories.make_pager(person, acme, url=f"https://{person.username}.example/")
    return found


def two_answer(acme, people: list[User]) -> None:
    """A policy that goes on until two people have answered."""
    row = factories.make_policy(acme, *people)
    row.acknowledgements = 2
    row.save()


def paged(acme, severity: Severity = Severity.SEV1) -> Incident:
    return response.page(incident=factories.make_incident(factories.make_service(acme), severity=severity), now=NOW)


def beat(*, until: float, start: float = 0.0) -> None:
    """Every beat of escalation and of answers, each half minute."""
    for half in range(int(start * 2), int(until * 2) + 1):
        response.expire_answers(now=at(half / 2))
        paging.escalate_due(now=at(half / 2))


def vendor(acme, minute: float, *, email: str = "", action: str = "acknowledge") -> bool:
    answer = Answer(dedup_key="tailwatch-acme-INC-1", action=action, at=at(minute), name="On-call", email=email)
    return answers.answered_at_vendor(organisation=acme, answer=answer, vendor="PagerDuty", now=at(minute))


def names(incident: Incident, **where: Any) -> list[str]:
    return list(incident.pages.filter(**where).order_by("created_at", "pk").values_list("user__username", flat=True))


def test_a_vendor_that_names_nobody_is_none_of_the_several_people_that_are_asked_for(acme, people) -> None:
    two_answer(acme, people)
    incident = paged(acme)
    assert vendor(acme, 1) is False
    assert vendor(acme, 2, email="ana@acme.example") is False  # one of two
    assert vendor(acme, 3, email="ana@acme.example") is False  # the same one
    assert vendor(acme, 4) is False
    incident.refresh_from_db()
    assert (incident.state, incident.acknowledged_by) == ("open", people[0])
    beat(until=6)
    assert names(incident, kind="escalated") == ["ben"]  # it goes on: ana is not asked again
    assert vendor(acme, 7, email="ben@acme.example") is True
    incident.refresh_from_db()
    assert incident.state == "acknowledged"


def test_where_one_answer_is_enough_a_vendor_without_a_name_is_one(acme, people) -> None:
    factories.make_policy(acme, *people)
    paged(acme)
    assert vendor(acme, 1) is True


def test_after_an_answer_has_expired_several_people_are_needed_anew(acme, people) -> None:
    two_answer(acme, people)
    incident = paged(acme)
    for person in people[:2]:
        incident = response.acknowledge(incident=incident, actor=permissions.of(person, acme), now=at(1))
    assert incident.state == "acknowledged"
    beat(until=32, start=1)
    incident.refresh_from_db()
    assert (incident.state, incident.escalation_run) == ("open", 2)
    incident = response.acknowledge(incident=incident, actor=permissions.of(people[0], acme), now=at(33))
    assert incident.state == "open"  # ben's answer of the first run is spent


def test_activity_holds_an_answer_in_sev1_and_only_a_persons(acme, people) -> None:
    factories.make_policy(acme, *people)
    incident = paged(acme)
    ana = permissions.of(people[0], acme)
    incident = response.acknowledge(incident=incident, actor=ana, now=at(1))
    response.add_note(incident=incident, text="Draining it", actor=ana, now=at(29))
    response.add_note(incident=incident, text="I am a machine", actor=permissions.system(acme), now=at(50))
    beat(until=58.5, start=1)
    incident.refresh_from_db()
    assert incident.state == "acknowledged"
    beat(until=59, start=59)
    incident.refresh_from_db()
    assert (incident.state, incident.escalation_run) == ("open", 2)
    assert names(incident, decision="run 2 step 1") == ["ana"]


def test_a_ticket_that_becomes_sev1_does_not_hold_its_answer_for_good(acme, people) -> None:
    factories.make_policy(acme, *people)
    incident = paged(acme, Severity.SEV2)
    ana = permissions.of(people[0], acme)
    incident = response.acknowledge(incident=incident, actor=ana, now=at(1))
    assert incident.answer_until is None
    response.change_severity(incident=incident, severity=Severity.SEV1, actor=ana, now=at(10))
    beat(until=41, start=10)
    incident.refresh_from_db()
    assert (incident.state, incident.escalation_run) == ("open", 2)


def test_a_gap_that_is_opened_again_goes_to_the_fallback_as_the_first_time(acme, people) -> None:
    admin = factories.make_user(acme, username="ada", role=Role.ADMIN)
    factories.make_pager(admin, acme, url="https://ada.example/")
    factories.make_policy(acme, people[0])
    starts = (NOW + timedelta(hours=2)).strftime("%Y-%m-%dT%H:%M")
    layer = {"name": "late", "starts": starts, "members": [{"people": ["ana"]}]}
    schedule = factories.make_schedule(acme, layers=[layer])
    schedule.watch.due_at = NOW
    schedule.watch.save()
    watch.watch_due(now=NOW)
    incident = ScheduleGap.objects.get().incident
    assert incident is not None
    assert set(names(incident)) == {"ada"}
    system = permissions.system(acme)
    response.resolve(incident=incident, actor=system, now=at(1))
    response.reopen(incident=incident, actor=system, now=at(2))
    incident.refresh_from_db()
    assert incident.escalation["name"] == "Fallback"
    assert set(names(incident)) == {"ada"}


def test_a_dead_letter_of_an_incident_that_was_answered_is_not_revived_by_the_auditor(acme, people) -> None:
    factories.make_policy(acme, people[0])
    incident = paged(acme, Severity.SEV2)

    def refuses(**given: Any) -> outbound.Answer:
        return outbound.Answer(410, b"gone", {})

    paging.deliver_due(now=at(0.1), transport=refuses)
    assert Page.objects.get(user=people[0]).state == "failed"
    response.acknowledge(incident=incident, actor=permissions.of(people[1], acme), now=at(1))
    beat(until=20, start=1)
    paging.audit_pages(now=at(20))
    assert not Page.objects.filter(state="pending", kind__in=["opened", "escalated"]).exists()


def test_catching_up_after_an_outage_tells_nobody_of_what_is_over(acme, people) -> None:
    factories.make_policy(acme, *people)
    over, still = paged(acme, Severity.SEV2), paged(acme, Severity.SEV2)
    response.resolve(incident=over, actor=permissions.system(acme), now=at(1))
    took: list[str] = []

    def takes(*, body: bytes, **given: Any) -> outbound.Answer:
        took.append(body.decode())
        return outbound.Answer(200, b"", {})

    paging.deliver_due(now=at(30), transport=takes)
    assert [still.name in text and over.name not in text for text in took] == [True]
