"""That a silence ends and that maintenance begins reaches people's pagers and rooms, and wakes nobody."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from incidents.alerts.maintenance import Plan
from incidents.maintenance import services as maintenance
from incidents.oncall.models import ShiftNotice
from incidents.oncall.watch import services as watch
from incidents.paging.endpoints import services as endpoints
from incidents.paging.endpoints.services import Entered
from incidents.silences import services as silences
from observability.core import permissions
from observability.core.models import Organisation, User
from observability.local_pager import LocalPager
from tests import factories
from tests.factories import NOW

pytestmark = pytest.mark.django_db
HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)


@pytest.fixture
def acme(settings: Any) -> Organisation:
    settings.TAILWATCH_ALLOW_PRIVATE_OUTBOUND = ["127.0.0.1"]
    return factories.make_organisation("acme")


@pytest.fixture
def pager() -> Iterator[LocalPager]:
    with LocalPager() as started:
        yield started


def add(acme: Organisation, person: User | None, url: str, **given: Any) -> None:
    entered = Entered(**{"kind": "webhook", "name": "Room", "user": person, "url": url, **given})
    endpoints.add(organisation=acme, entered=entered, actor=permissions.system(acme), now=NOW)


def silence(acme: Organisation, person: User) -> None:
    silences.silence(
        organisation=acme, matchers=['service="chat"'], starts_at=NOW, ends_at=NOW + HOUR, comment="disks",
        actor=permissions.of(person, acme), now=NOW,
    )  # fmt: skip


def test_who_made_a_silence_is_told_before_it_ends_once(acme: Organisation, pager: LocalPager) -> None:
    ana = factories.make_user(acme, username="ana")
    factories.make_pager(ana, acme, url=pager.url)
    add(acme, None, pager.url)
    silence(acme, ana)
    for minute in (0, 54, 55, 56):
        silences.run_silences(now=NOW + minute * MINUTE)
        watch.send_notices(now=NOW + minute * MINUTE)
    [message] = pager.messages
    assert (message["recipient"], message["kind"], message["reason"]) == ("Ana", "silence", "silence")
    assert message["text"].startswith('The silence of service="chat" ends in ')
    assert message["text"].endswith(": disks")


def test_maintenance_is_announced_to_rooms_and_to_who_is_on_call(acme: Organisation, pager: LocalPager) -> None:
    ana, ben = (factories.make_user(acme, username=name) for name in ("ana", "ben"))
    for person in (ana, ben):
        factories.make_pager(person, acme, url=pager.url)
    add(acme, None, pager.url)
    add(acme, None, pager.url, kind="pagerduty", name="Vendor", secret="R" * 32)
    factories.make_schedule(acme, ana)
    maintenance.plan(
        organisation=acme, name="New disks", matchers=['service="chat"'], when=Plan((NOW + 2 * HOUR).replace(tzinfo=None), HOUR, "UTC"),
        announce=HOUR, actor=permissions.system(acme), now=NOW,
    )  # fmt: skip
    maintenance.run_maintenance(now=NOW + HOUR)
    watch.send_notices(now=NOW + HOUR)
    assert sorted(one["recipient"] for one in pager.messages) == ["Ana", "Room"]
    assert {one["text"] for one in pager.messages} == {"Maintenance in 1 h: New disks, for 1 h"}


def test_a_room_that_does_not_answer_is_told_again(acme: Organisation) -> None:
    ana = factories.make_user(acme, username="ana")
    with LocalPager((503,)) as pager:
        factories.make_pager(ana, acme, url=pager.url)
        silence(acme, ana)
        silences.run_silences(now=NOW + 55 * MINUTE)
        watch.send_notices(now=NOW + 55 * MINUTE)
        assert ShiftNotice.objects.get().state == "pending"
        watch.send_notices(now=NOW + 56 * MINUTE)
        assert (ShiftNotice.objects.get().state, len(pager.messages)) == ("sent", 2)
