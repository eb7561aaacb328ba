"""iCalendar in and out."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import icalendar
import pytest
from django.test import Client

from incidents.oncall import exports, services
from incidents.oncall.importers import ical
from incidents.oncall.models import CalendarFeed
from incidents.oncall.queries import plan
from observability.core import permissions
from tests import factories
from tests.factories import NOW

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)
CALENDAR = b"""BEGIN:VCALENDAR
VERSION:2.0
PRODID:-//somewhere//EN
BEGIN:VEVENT
UID:1
DTSTART;TZID=Europe/Paris:20261019T090000
DTEND;TZID=Europe/Paris:20261020T090000
RRULE:FREQ=WEEKLY;COUNT=8
SUMMARY:On call: Ana
END:VEVENT
BEGIN:VEVENT
UID:2
DTSTART;VALUE=DATE:20261201
DTEND;VALUE=DATE:20261202
SUMMARY:whoever
ATTENDEE;CN=Ben:mailto:ben@example.org
END:VEVENT
BEGIN:VEVENT
UID:3
DTSTART:20261203T090000Z
DTEND:20261203T170000Z
SUMMARY:Nobody we know
END:VEVENT
END:VCALENDAR
"""


@pytest.fixture
def acme():
    organisation = factories.make_organisation("acme")
    for name in ("ana", "ben"):
        user = factories.make_user(organisation, username=name)
        user.email = f"{name}@example.org"
        user.save()
    return organisation


#: The first event was 19 October, in summer time; 09:00 on the wall is 08:00 UTC in winter.
def read(acme, text: bytes = CALENDAR):
    return ical.read(text=text, organisation=acme, start=NOW, end=NOW + 60 * DAY, zone="Europe/Paris")


def test_recurring_events_keep_their_local_hour_and_people_are_found(acme) -> None:
    events = read(acme)
    assert [(event.start, event.people) for event in events] == [
        (datetime(2026, 11, 23, 8, tzinfo=UTC), ("ana",)),
        (datetime(2026, 11, 30, 8, tzinfo=UTC), ("ana",)),
        (datetime(2026, 11, 30, 23, tzinfo=UTC), ("ben",)),
        (datetime(2026, 12, 3, 9, tzinfo=UTC), ()),
        (datetime(2026, 12, 7, 8, tzinfo=UTC), ("ana",)),
    ]


def test_an_imported_calendar_becomes_a_layer_and_a_second_import_replaces_it(acme) -> None:
    schedule = factories.make_schedule(acme, acme.memberships.get(user__username="ben").user)
    for _ in range(2):
        services.bring_calendar(
            schedule=schedule, text=CALENDAR, zone="Europe/Paris", actor=permissions.system(acme), now=NOW
        )
    at = datetime(2026, 11, 23, 12, tzinfo=UTC)
    loaded = plan(schedule=schedule, start=at - 30 * DAY, end=at + 30 * DAY)
    found = [loaded.on_call(at), loaded.on_call(at + 2 * DAY)]
    assert [shift.people for shift in found if shift is not None] == [("ana",), ("ben",)]
    assert [layer.name for layer in loaded.versions[-1].layers] == ["weekly", "calendar"]


@pytest.mark.parametrize("text", [b"hello", b"\xff\xfe", b"BEGIN:VCALENDAR\nBEGIN:VEVENT\nEND:VTODO", b"x" * 6_000_000])
def test_what_is_no_calendar_is_refused_in_words(acme, text: bytes) -> None:
    with pytest.raises(ical.CalendarUnreadable, match=r"[cC]alendar"):
        read(acme, text)


def test_a_feed_gives_shifts_at_a_secret_address_until_it_is_made_anew(acme, client: Client, frozen_now) -> None:
    schedule = factories.make_schedule(acme, *(m.user for m in acme.memberships.all()))
    ana = acme.memberships.get(user__username="ana").user
    actor = permissions.of(ana, acme)
    address = services.make_feed(organisation=acme, user=ana, actor=actor, now=NOW, schedule=schedule)
    path = "/" + address.split("/", 3)[3]
    answer = client.get(path)
    events = icalendar.Calendar.from_ical(answer.content).walk("VEVENT")
    assert answer["Content-Type"].startswith("text/calendar")
    assert {str(event["SUMMARY"]) for event in events} == {"Ana on call: Primary", "Ben on call: Primary"}
    times = [(event.decoded("DTSTART"), event.decoded("DTEND")) for event in events]
    assert all(one[1] == other[0] for one, other in pairwise(times))
    services.make_feed(organisation=acme, user=ana, actor=actor, now=NOW, schedule=schedule)
    assert client.get(path).status_code == 404
    assert CalendarFeed.objects.count() == 1


def test_a_persons_own_feed_holds_their_shifts_only(acme) -> None:
    factories.make_schedule(acme, *(m.user for m in acme.memberships.all()))
    ana = acme.memberships.get(user__username="ana").user
    feed = CalendarFeed(organisation=acme, user=ana, schedule=None)
    events = icalendar.Calendar.from_ical(exports.feed_text(feed=feed, now=NOW)).walk("VEVENT")
    assert {str(event["SUMMARY"]) for event in events} == {"Ana on call: Primary"}
    assert len({str(event["UID"]) for event in events}) == len(events)
