"""Who may declare, call worse, call better, call people in."""

from __future__ import annotations

from datetime import timedelta

import pytest

from incidents.command import services
from incidents.command.services.people import ResponderRefused
from incidents.paging.models import Page
from incidents.response import services as response
from incidents.response.models import Incident
from incidents.response.services import ImpactRefused, NotCommander
from incidents.response.severity import Severity
from observability.core.models import Organisation, Role, User
from observability.core.permissions import NotAllowed
from observability.core.refusals import Refused
from tests import factories
from tests.factories import NOW
from tests.incidents.command.conftest import by

pytestmark = pytest.mark.django_db


def severity(incident: Incident, level: int, user: User) -> int:
    changed = response.change_severity(incident=incident, severity=Severity(level), actor=by(user), now=NOW)
    return changed.severity


@pytest.mark.parametrize("role", list(Role))
def test_anyone_declares_calls_it_worse_and_calls_people_in(acme: Organisation, ana: User, role: Role) -> None:
    person = factories.make_user(acme, role=role)
    found = response.declare(organisation=acme, title="x", severity=Severity.SEV4, actor=by(person), now=NOW)
    assert severity(found, 3, person) == 3
    services.add_responder(incident=found, person=ana, actor=by(person), now=NOW)
    assert found.pages.get().kind == Page.Kind.ASKED


def test_only_the_commander_calls_it_better(incident: Incident, ana: User, ben: User, acme: Organisation) -> None:
    with pytest.raises(NotCommander, match="nobody commands yet"):
        severity(incident, 3, ben)
    response.acknowledge(incident=incident, actor=by(ana), now=NOW)
    with pytest.raises(NotCommander, match="Ana commands"):
        severity(incident, 3, ben)
    assert severity(incident, 3, ana) == 3
    assert severity(incident, 4, factories.make_user(acme, role=Role.COMMANDER)) == 4


def test_who_is_called_in_is_paged_even_when_somebody_answers_meanwhile(
    incident: Incident, ana: User, ben: User, vera: User
) -> None:
    services.add_responder(incident=incident, person=ben, actor=by(vera), now=NOW, reason="knows the cache")
    response.acknowledge(incident=incident, actor=by(ana), now=NOW)
    page = Page.objects.get(kind=Page.Kind.ASKED)
    assert (page.user, page.state, page.reason) == (ben, Page.State.PENDING, "asked by vera: knows the cache")
    response.resolve(incident=incident, actor=by(ana), now=NOW)
    page.refresh_from_db()
    assert page.state == Page.State.CANCELLED


def test_calling_in_again_pages_again(incident: Incident, ben: User, ana: User) -> None:
    for minute in (0, 5):
        services.add_responder(incident=incident, person=ben, actor=by(ana), now=NOW + timedelta(minutes=minute))
    assert incident.pages.filter(kind=Page.Kind.ASKED).count() == 2


def test_who_cannot_be_reached_or_does_not_belong_is_refused_in_words(
    incident: Incident, ana: User, vera: User
) -> None:
    stranger = factories.make_user(factories.make_organisation("other"))
    with pytest.raises(ResponderRefused, match="no pager that works"):
        services.add_responder(incident=incident, person=vera, actor=by(ana), now=NOW)
    with pytest.raises(ResponderRefused, match="does not belong"):
        services.add_responder(incident=incident, person=stranger, actor=by(ana), now=NOW)
    with pytest.raises(NotAllowed):
        services.add_responder(incident=incident, person=ana, actor=by(stranger), now=NOW)


@pytest.mark.parametrize("days", [-366, 0.001])
def test_an_impact_start_is_neither_ahead_nor_years_ago(incident: Incident, ana: User, days: float) -> None:
    at = NOW + timedelta(days=days)
    with pytest.raises(ImpactRefused):
        response.set_impact_start(incident=incident, at=at, actor=by(ana), now=NOW)
    with pytest.raises(ImpactRefused):
        response.declare(
            organisation=incident.organisation, title="x", severity=Severity.SEV4, actor=by(ana), now=NOW,
            impact_started_at=at,
        )  # fmt: skip


def test_links_are_https_and_stand_in_the_timeline_once(incident: Incident, ana: User) -> None:
    given = {"chat_url": "https://chat.example.com/inc", "call_url": ""}
    for _ in range(2):
        services.set_links(incident=incident, actor=by(ana), now=NOW, **given)
    assert incident.timeline.filter(payload__text__icontains="https://chat.example.com/inc").count() == 1
    with pytest.raises(Refused, match="begins with https"):
        services.set_links(incident=incident, chat_url="javascript:alert(1)", call_url="", actor=by(ana), now=NOW)
