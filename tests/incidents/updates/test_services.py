"""Updates are posted, the next one is planned, and who owes it is reminded."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from incidents.command import services as command
from incidents.command.roles import Role
from incidents.paging import services as paging
from incidents.paging.models import Page
from incidents.response import services as response
from incidents.response.models import Incident
from incidents.response.severity import Severity
from incidents.updates import services
from incidents.updates.cadence import Impact, Phase
from incidents.updates.models import StatusUpdate
from incidents.updates.services import NotPublisher
from observability.core import permissions
from observability.core.models import Organisation, User
from observability.core.outbound import Answer
from observability.core.permissions import Actor, NotAllowed
from observability.core.refusals import Refused
from tests import factories
from tests.factories import NOW

pytestmark = pytest.mark.django_db


@pytest.fixture
def ana(acme: Organisation) -> User:
    user = factories.make_user(acme, username="ana")
    factories.make_pager(user, acme, url="http://127.0.0.1:9/ana")
    return user


@pytest.fixture
def ben(acme: Organisation) -> User:
    user = factories.make_user(acme, username="ben")
    factories.make_pager(user, acme, url="http://127.0.0.1:9/ben")
    return user


@pytest.fixture
def incident(acme: Organisation, ana: User) -> Incident:
    """A SEV2 that Ana commands."""
    made = factories.make_incident(factories.make_service(acme))
    return response.acknowledge(incident=made, actor=by(ana), now=NOW)


def by(user: User) -> Actor:
    return permissions.of(user, user.memberships.get().organisation)


def at(minutes: float) -> datetime:
    return NOW + timedelta(minutes=minutes)


def due(incident: Incident) -> dict[str, float]:
    """Minutes from NOW until each audience is to hear."""
    rows = incident.reminders.values_list("audience", "due_at")
    return {audience: (moment - NOW).total_seconds() / 60 for audience, moment in rows}


def publish(incident: Incident, user: User, minutes: float = 0, phase: Phase = Phase.INVESTIGATING) -> StatusUpdate:
    return services.publish(
        incident=incident,
        headline="Chat answers slowly",
        text="We are on it.",
        phase=phase,
        impact=Impact.DEGRADED,
        actor=by(user),
        now=at(minutes),
    )


def reminded(user: User) -> int:
    return Page.objects.filter(kind=Page.Kind.REMINDED, user=user).count()


def test_opening_plans_an_update_moves_it_and_the_severity_sets_the_pace(incident: Incident, ana: User) -> None:
    assert due(incident) == {"internal": 30, "public": 60}
    services.post(incident=incident, text="Still looking", actor=by(ana), now=at(10))
    assert due(incident) == {"internal": 40, "public": 60}
    response.change_severity(incident=incident, severity=Severity.SEV1, actor=by(ana), now=at(12))
    assert due(incident) == {"internal": 25, "public": 30}
    response.change_severity(incident=incident, severity=Severity.SEV3, actor=by(ana), now=at(13))
    assert due(incident) == {}


def test_resolving_ends_it_and_reopening_begins_anew(incident: Incident, ana: User) -> None:
    response.resolve(incident=incident, actor=by(ana), now=at(5))
    assert due(incident) == {}
    response.reopen(incident=incident, actor=by(ana), now=at(20))
    assert due(incident) == {"internal": 50, "public": 80}


def test_the_commander_is_reminded_once_each_time_it_falls_due(incident: Incident, ana: User) -> None:
    services.remind_due(now=at(29))
    assert reminded(ana) == 0
    for _ in range(2):
        services.remind_due(now=at(30))
    assert reminded(ana) == 1
    services.remind_due(now=at(60))
    assert reminded(ana) == 3  # the internal one again, and the public one
    assert "update is due: every 30 min in SEV2" in Page.objects.filter(kind="reminded").earliest("pk").reason


def test_communications_owe_the_public_update(incident: Incident, ana: User, ben: User) -> None:
    command.take(incident=incident, role=Role.COMMUNICATIONS, actor=by(ben), now=NOW)
    services.post(incident=incident, text="Still looking", actor=by(ana), now=at(59))
    services.remind_due(now=at(60))
    assert (reminded(ana), reminded(ben)) == (0, 1)


def test_an_update_in_time_and_a_resolved_incident_remind_nobody(incident: Incident, ana: User) -> None:
    services.post(incident=incident, text="x", actor=by(ana), now=at(20))
    publish(incident, ana, 20)
    services.remind_due(now=at(45))
    response.resolve(incident=incident, actor=by(ana), now=at(46))
    services.remind_due(now=at(500))
    assert reminded(ana) == 0


def test_where_nobody_commands_the_timeline_says_so(acme: Organisation) -> None:
    alone = factories.make_incident(factories.make_service(acme), severity=Severity.SEV1)
    services.remind_due(now=at(15))
    assert alone.timeline.filter(payload__text__startswith="Nobody commands, and the internal update is due").exists()


def test_a_reminder_is_no_first_page(incident: Incident, ana: User) -> None:
    services.remind_due(now=at(30))

    def taken(**_: object) -> Answer:
        return Answer(status_code=202, body=b"", headers={})

    assert paging.deliver_due(now=at(30), transport=taken) == 1
    incident.refresh_from_db()
    assert incident.first_paged_at is None


def test_only_who_speaks_for_it_publishes(incident: Incident, ana: User, ben: User) -> None:
    publish(incident, ana)
    with pytest.raises(NotPublisher, match="take that role first"):
        publish(incident, ben)
    command.take(incident=incident, role=Role.COMMUNICATIONS, actor=by(ben), now=NOW)
    publish(incident, ben, 1)
    viewer = factories.make_user(incident.organisation, role="viewer")  # type: ignore[arg-type]
    with pytest.raises(NotAllowed):
        services.post(incident=incident, text="x", actor=by(viewer), now=NOW)


@pytest.mark.parametrize("text", ["", "  ", "x" * 4001])
def test_an_update_says_something_and_not_a_novel(incident: Incident, ana: User, text: str) -> None:
    with pytest.raises(Refused, match="1 to 4000"):
        services.post(incident=incident, text=text, actor=by(ana), now=NOW)


def test_the_timeline_reads_it(incident: Incident, ana: User) -> None:
    services.post(incident=incident, text="Cache is cold", actor=by(ana), now=NOW)
    publish(incident, ana)
    said = [entry.sentence for entry in incident.timeline.filter(kind="status_update").order_by("pk")]
    assert said == ["Told inside: Cache is cold", "Published, investigating: Chat answers slowly: We are on it."]
