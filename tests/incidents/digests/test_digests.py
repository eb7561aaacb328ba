"""The week in a message: asked for by a person, once a Monday, through the outbox of notices."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from dashboards.digest import services as digest
from incidents.digests.models import WeeklyDigest
from incidents.digests.services import subscribe, write_due
from incidents.digests.when import next_monday
from incidents.oncall.models import ShiftNotice
from incidents.oncall.watch.services import send_notices
from incidents.paging.models import PagerEndpoint
from observability.core import permissions
from observability.core.models import AuditEntry, Membership, Role
from observability.core.outbound import Answer

WEEK = timedelta(days=7)


@pytest.mark.parametrize(
    ("after", "zone", "monday"),
    [
        ("2026-11-17T10:00", "UTC", "2026-11-23T08:00"),
        ("2026-11-23T07:59", "UTC", "2026-11-23T08:00"),
        ("2026-11-23T08:00", "UTC", "2026-11-30T08:00"),
        ("2026-11-22T23:30", "Pacific/Auckland", "2026-11-29T19:00"),  # there it is Monday 12:30
        ("2026-10-24T00:00", "Europe/Vienna", "2026-10-26T07:00"),  # after the clocks went back
    ],
)
def test_mondays_at_eight_where_the_person_lives(after: str, zone: str, monday: str) -> None:
    found = next_monday(datetime.fromisoformat(f"{after}+00:00"), ZoneInfo(zone))
    assert found == datetime.fromisoformat(f"{monday}+00:00")


@pytest.fixture
def lea(world: Any) -> Any:
    return world.people[Role.LEADERSHIP]


@pytest.mark.django_db
def test_a_person_asks_for_it_gets_it_once_a_week_and_has_enough_of_it(
    world: Any, lea: Any, frozen_now: datetime
) -> None:
    client = world.client(Role.LEADERSHIP)
    assert "You do not get the week" in client.get("/me/digest/").content.decode()
    assert client.post("/me/digest/", {"do": "start"}, follow=True).status_code == 200
    client.post("/me/digest/", {"do": "start"})  # twice is once
    (row,) = WeeklyDigest.objects.all()
    assert "Mondays at eight" in client.get("/me/digest/").content.decode()
    assert digest.send_due(now=row.due_at - timedelta(seconds=1)) == 0
    assert digest.send_due(now=row.due_at) == 1
    assert digest.send_due(now=row.due_at + timedelta(minutes=1)) == 0
    (notice,) = ShiftNotice.objects.filter(kind="digest")
    assert notice.user == lea
    assert notice.text.startswith("No promise has data yet, so nobody can say how we are doing.")
    assert notice.text.endswith("/dash/executive/?service=&range=7d")
    assert "Incidents: " in notice.text
    assert WeeklyDigest.objects.get().due_at == row.due_at + WEEK
    client.post("/me/digest/", {"do": "stop"})
    assert not WeeklyDigest.objects.exists()
    assert set(AuditEntry.objects.filter(verb__endswith="digest").values_list("verb", flat=True)) == {
        "subscribe_digest", "unsubscribe_digest",
    }  # fmt: skip


@pytest.mark.django_db
def test_it_goes_by_mail_before_any_other_pager(world: Any, lea: Any, frozen_now: datetime) -> None:
    common = {"organisation": world.organisation, "user": lea, "created_at": frozen_now}
    PagerEndpoint.objects.create(**common, kind="webhook", name="a hook", url="http://127.0.0.1:9/", secret="s")
    PagerEndpoint.objects.create(**common, kind="email", name="mail", address="lea@example.org")
    subscribe(organisation=world.organisation, user=lea, actor=permissions.of(lea, world.organisation), now=frozen_now)
    later = frozen_now + WEEK
    assert digest.send_due(now=later) == 1
    sent: list[str] = []

    def post(*, url: str, body: bytes, headers: Any, timeout_seconds: float = 10.0) -> Answer:
        sent.append(json.loads(body)["text"])
        return Answer(status_code=200, body=b"", headers={})

    send_notices(now=later, transport=post)
    (notice,) = ShiftNotice.objects.filter(kind="digest")
    # No mail server is set up here: mail says so, and the hook is next.
    assert notice.state == "sent"
    assert sent[0].startswith("No promise has data yet")


@pytest.mark.django_db
def test_who_left_gets_none_and_one_that_breaks_holds_up_no_other(world: Any, lea: Any, frozen_now: datetime) -> None:
    vera = world.people[Role.VIEWER]
    for person in (lea, vera):
        actor = permissions.of(person, world.organisation)
        subscribe(organisation=world.organisation, user=person, actor=actor, now=frozen_now)
    Membership.objects.filter(user=vera).delete()
    assert write_due(now=frozen_now + WEEK, write=lambda organisation, now: "the week") == 2
    assert [notice.user for notice in ShiftNotice.objects.filter(kind="digest")] == [lea]

    def broken(organisation: Any, now: datetime) -> str:
        raise ZeroDivisionError

    assert write_due(now=frozen_now + 2 * WEEK, write=broken) == 2
    assert write_due(now=frozen_now + 2 * WEEK + timedelta(minutes=6), write=lambda organisation, now: "late") == 1
    assert ShiftNotice.objects.filter(text="late").count() == 1


@pytest.mark.django_db
def test_programs_ask_for_it_too(world: Any) -> None:
    client = world.client(Role.VIEWER)
    address = "/api/v1/me/digest"
    assert client.get(address).json() == {"subscribed": False, "due_at": None}
    headers = {"X-CSRFToken": "x"}
    assert client.put(address, content_type="application/json", headers=headers).json()["subscribed"] is True
    assert client.delete(address).status_code == 204
    assert client.get(address).json()["subscribed"] is False
