"""A snooze is quiet until it ends, and then it pages again."""

from __future__ import annotations

from datetime import timedelta

import pytest

from incidents.command import services
from incidents.command.services.pause import SnoozeRefused
from incidents.paging import services as paging
from incidents.paging.models import Page
from incidents.response import services as response
from incidents.response.lifecycle import State
from incidents.response.models import Incident
from incidents.response.severity import Severity
from observability.core import permissions
from observability.core.models import User
from tests.factories import NOW
from tests.incidents.command.conftest import by

pytestmark = pytest.mark.django_db
HOUR = timedelta(hours=1)


@pytest.fixture
def snoozed(incident: Incident, ana: User) -> Incident:
    response.page(incident=incident, now=NOW)
    return services.snooze(incident=incident, until=NOW + HOUR, actor=by(ana), now=NOW)


def pending(incident: Incident) -> int:
    return incident.pages.filter(state=Page.State.PENDING).count()


def test_nothing_pages_while_it_is_snoozed_whoever_looks(snoozed: Incident) -> None:
    almost = NOW + HOUR - timedelta(seconds=1)
    assert services.wake_due(now=almost) == 0
    assert paging.audit_pages(now=almost).clean
    response.expire_answers(now=almost)
    snoozed.refresh_from_db()
    assert (pending(snoozed), snoozed.state) == (0, State.ACKNOWLEDGED)


def test_at_its_end_it_is_open_and_pages_once_however_many_workers_wake_it(snoozed: Incident) -> None:
    assert services.wake_due(now=NOW + HOUR) == 1
    assert services.wake_due(now=NOW + HOUR) == 0
    snoozed.refresh_from_db()
    assert (snoozed.state, snoozed.snoozed_until, pending(snoozed)) == (State.OPEN, None, 1)


def test_what_was_resolved_meanwhile_is_left_alone(snoozed: Incident, ana: User) -> None:
    response.resolve(incident=snoozed, actor=by(ana), now=NOW + HOUR / 2)
    assert services.wake_due(now=NOW + HOUR) == 0
    snoozed.refresh_from_db()
    assert (snoozed.state, pending(snoozed)) == (State.RESOLVED, 0)


def test_ending_it_early_leaves_it_answered(snoozed: Incident, ana: User) -> None:
    services.wake(incident=snoozed, actor=by(ana), now=NOW + HOUR / 2)
    assert services.wake_due(now=NOW + HOUR) == 0
    snoozed.refresh_from_db()
    assert (snoozed.state, pending(snoozed)) == (State.ACKNOWLEDGED, 0)


def test_an_alert_that_makes_it_worse_ends_it(snoozed: Incident) -> None:
    system = permissions.system(snoozed.organisation)
    response.change_severity(incident=snoozed, severity=Severity.SEV1, actor=system, now=NOW + HOUR / 2)
    snoozed.refresh_from_db()
    assert (snoozed.state, snoozed.snoozed_until, pending(snoozed)) == (State.OPEN, None, 1)


@pytest.mark.parametrize("hours", [0, -1, 24 * 7 + 1])
def test_it_ends_in_the_future_within_a_week(incident: Incident, ana: User, hours: int) -> None:
    with pytest.raises(SnoozeRefused, match="within 7 days"):
        services.snooze(incident=incident, until=NOW + hours * HOUR, actor=by(ana), now=NOW)


def test_what_is_mitigated_pages_nobody_and_is_not_snoozed(incident: Incident, ana: User) -> None:
    response.mitigate(incident=incident, actor=by(ana), now=NOW)
    with pytest.raises(SnoozeRefused, match="mitigated"):
        services.snooze(incident=incident, until=NOW + HOUR, actor=by(ana), now=NOW)
