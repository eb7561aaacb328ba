"""Our own page is answered at PagerDuty: its webhook acknowledges and resolves our incident."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import orjson
import pytest
from django.test import Client

from incidents.alerts.models import Alert
from incidents.ingest.models import Event
from incidents.response import services as response
from incidents.response.models import Incident, TimelineEntry
from incidents.response.severity import Severity
from observability.core import clock
from observability.core.models import Organisation, Role, User
from tests import factories
from tests.factories import NOW
from tests.incidents.ingest.payloads import incident as webhook

pytestmark = pytest.mark.django_db
Post = Callable[..., Any]
MINUTE = timedelta(minutes=1)


def at(minutes: float) -> datetime:
    return NOW + minutes * MINUTE


@pytest.fixture
def ana(acme: Organisation) -> User:
    person = factories.make_user(acme, username="ana")
    User.objects.filter(pk=person.pk).update(email="Ana@acme.example")
    factories.make_policy(acme, person)
    factories.make_pager(person, acme, url="http://127.0.0.1:1/")
    return person


@pytest.fixture
def ours(acme: Organisation, ana: User) -> Incident:
    made = factories.make_incident(factories.make_service(acme), severity=Severity.SEV1)
    return response.page(incident=made, now=NOW)


@pytest.fixture
def post(acme: Organisation) -> Post:
    _, key = factories.make_integration(acme, kind="pagerduty")

    def send(kind: str, *, when: datetime = NOW + MINUTE, now: datetime | None = None, **given: Any) -> Any:
        key_of = given.pop("incident_key", "tailwatch-acme-INC-1")
        document = webhook(kind, at=when, incident_key=key_of)
        document["event"]["agent"] = given.pop("agent", {"type": "user_reference", "summary": "Ana A."})
        document["event"].update(given)
        with clock.frozen(now or when):
            answer = Client().generic("POST", f"/hooks/pagerduty/{key}", orjson.dumps(document))
        assert answer.status_code == 200, answer.content
        return answer.json()

    return send


def entry(incident: Incident, kind: str) -> TimelineEntry:
    return incident.timeline.get(kind=kind)


def test_it_acknowledges_as_the_person_of_the_address(ours: Incident, ana: User, post: Post):
    post("acknowledged", agent={"type": "user_reference", "summary": "Ana", "email": "ana@ACME.example"})
    ours.refresh_from_db()
    assert (ours.state, ours.acknowledged_by) == ("acknowledged", ana)
    assert entry(ours, "acknowledged").payload == {"through": "PagerDuty"}
    assert not ours.pages.filter(state="pending").exists()


def test_without_an_address_it_is_pagerduty_and_says_who(ours: Incident, post: Post):
    post("acknowledged")
    found = entry(ours, "acknowledged")
    assert (found.actor, found.payload["through"]) == ("PagerDuty", "PagerDuty, by Ana A.")


def test_who_may_not_acknowledge_here_answered_over_there_all_the_same(acme: Organisation, ours: Incident, post: Post):
    vera = factories.make_user(acme, username="vera", role=Role.VIEWER)
    User.objects.filter(pk=vera.pk).update(email="vera@acme.example")
    post("acknowledged", agent={"summary": "vera@acme.example"})
    assert entry(ours, "acknowledged").actor == "PagerDuty"


def test_the_same_event_again_and_a_second_one_change_nothing(ours: Incident, post: Post):
    post("acknowledged")
    assert post("acknowledged")["duplicate"]
    post("acknowledged", id="another")
    assert ours.timeline.filter(kind="acknowledged").count() == 1
    assert (Event.objects.count(), Alert.objects.count()) == (2, 0)


def test_it_resolves_and_what_comes_after_is_no_answer(ours: Incident, post: Post):
    post("resolved")
    post("acknowledged", when=at(2))
    ours.refresh_from_db()
    assert (ours.state, ours.resolved_reason) == ("resolved", "by hand, through PagerDuty, by Ana A.")


def test_an_answer_that_comes_late_does_not_answer_what_was_opened_again(ours: Incident, post: Post):
    post("acknowledged", when=at(1))
    response.expire_answers(now=at(40))
    post("acknowledged", when=at(2), now=at(41), id="late")
    post("resolved", when=at(3), now=at(42), id="later")
    ours.refresh_from_db()
    assert ours.state == "open"
    post("acknowledged", when=at(43), id="fresh")
    ours.refresh_from_db()
    assert ours.state == "acknowledged"


@pytest.mark.parametrize(
    "key",
    ["tailwatch-acme-INC-77", "tailwatch-other-INC-1", "tailwatch-acme-INC-", "tailwatch-acme-INC-1\x00", "tailwatch-"],
)
def test_a_key_that_is_not_of_an_incident_here_changes_nothing(ours: Incident, post: Post, key: str):
    assert post("acknowledged", incident_key=key)["alerts"] == 0
    ours.refresh_from_db()
    assert ours.state == "open"


def test_what_is_no_answer_is_kept_and_changes_nothing(ours: Incident, post: Post):
    for kind in ("triggered", "escalated", "annotated"):
        post(kind)
    ours.refresh_from_db()
    assert (ours.state, Event.objects.count(), Alert.objects.count()) == ("open", 3, 0)
