"""Two people, or two workers, at the same moment."""

from __future__ import annotations

from datetime import timedelta
from functools import partial

import pytest

from incidents.command import services
from incidents.command.models import Duty
from incidents.command.roles import Role
from incidents.command.services.joining import MergeRefused
from incidents.paging.models import Page
from incidents.response.lifecycle import State
from incidents.response.models import Incident
from incidents.updates import services as updates
from observability.core.models import Organisation, User
from tests import factories
from tests.factories import NOW
from tests.incidents.command.conftest import by
from tests.incidents.paging.test_concurrency import together

pytestmark = pytest.mark.django_db(transaction=True)


def test_two_who_merge_two_incidents_into_each_other_leave_one_open(
    incident: Incident, acme: Organisation, ana: User, ben: User
) -> None:
    other = factories.make_incident(factories.make_service(acme))
    results = together(
        partial(services.merge, incident=incident, into=other, actor=by(ana), now=NOW),
        partial(services.merge, incident=other, into=incident, actor=by(ben), now=NOW),
    )
    assert {type(result) for result in results} == {Incident, MergeRefused}
    assert Incident.objects.unresolved().count() == 1


def test_two_workers_wake_a_snoozed_incident_once_and_remind_once(incident: Incident, ana: User) -> None:
    until = NOW + timedelta(hours=1)
    services.snooze(incident=incident, until=until, actor=by(ana), now=NOW)
    together(*[partial(services.wake_due, now=until)] * 2)
    together(*[partial(updates.remind_due, now=until)] * 2)
    incident.refresh_from_db()
    assert (incident.state, incident.escalation_run) == (State.OPEN, 1)
    assert incident.timeline.filter(kind="ack_expired").count() == 1
    reminders = Page.objects.filter(kind=Page.Kind.REMINDED).values_list("decision", flat=True)
    assert len(set(reminders)) == len(reminders) == 2


def test_two_who_take_a_role_at_once_leave_one_holder(incident: Incident, ana: User, ben: User) -> None:
    takers = [partial(services.take, incident=incident, role=Role.SCRIBE, actor=by(one), now=NOW) for one in (ana, ben)]
    together(*takers)
    assert Duty.objects.get(role=Role.SCRIBE).holder in {ana, ben}
    assert incident.timeline.filter(kind="role_taken").count() == 2
