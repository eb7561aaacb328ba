"""A calendar at an address: read again every hour, and no failure takes anybody off call."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import pytest
from django.test import Client

from incidents.oncall import services
from incidents.oncall.importers.ical import CalendarUnreadable
from incidents.oncall.models import CalendarSource, Schedule
from incidents.oncall.queries import plan
from observability.core import outbound, permissions
from observability.core.models import Organisation, Role
from observability.core.permissions import NotAllowed
from tests import factories
from tests.factories import NOW

HOUR = timedelta(hours=1)
CALENDAR = """BEGIN:VCALENDAR
VERSION:2.0
PRODID:-//somewhere//EN
BEGIN:VEVENT
UID:1
DTSTAMP:{stamp}
DTSTART:20261117T000000Z
DTEND:20261118T000000Z
RRULE:FREQ=DAILY
SUMMARY:{who}
END:VEVENT
END:VCALENDAR
"""


@dataclass
class Elsewhere:
    """The program that keeps the calendar."""

    address: str = ""
    status: int = 200
    who: str = "ana"
    asked: int = 0
    headers: dict[str, str] = field(default_factory=dict)

    def text(self) -> bytes:
        self.asked += 1
        return CALENDAR.format(stamp=f"20261117T{self.asked:06}Z", who=self.who).encode()


@pytest.fixture
def elsewhere(settings: Any) -> Iterator[Elsewhere]:
    settings.TAILWATCH_ALLOW_PRIVATE_OUTBOUND = ["127.0.0.1"]
    program = Elsewhere()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = program.text()
            self.send_response(program.status)
            for name, value in {**program.headers, "Content-Length": str(len(body))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        program.address = f"http://127.0.0.1:{server.server_port}/secret-7f3a.ics"
        yield program
        server.shutdown()


@pytest.fixture
def schedule(acme: Organisation) -> Schedule:
    for name in ("ana", "ben", "cleo"):
        factories.make_user(acme, username=name)
    return factories.make_schedule(acme, acme.memberships.get(user__username="cleo").user)


def follow(schedule: Schedule, elsewhere: Elsewhere) -> CalendarSource:
    actor = permissions.system(schedule.organisation)
    services.follow_calendar(schedule=schedule, address=elsewhere.address, zone="UTC", actor=actor, now=NOW)
    return CalendarSource.objects.get()


def on_call(schedule: Schedule, at: Any) -> tuple[str, ...]:
    shift = plan(schedule=schedule, start=at, end=at + HOUR).on_call(at)
    return shift.people if shift is not None else ()


def test_what_changes_there_is_on_call_here_an_hour_later(schedule: Schedule, elsewhere: Elsewhere) -> None:
    follow(schedule, elsewhere)
    assert on_call(schedule, NOW + HOUR) == ("ana",)
    elsewhere.who = "ben"
    assert services.read_calendars(now=NOW + HOUR / 2) == 0
    assert services.read_calendars(now=NOW + HOUR) == 1
    assert on_call(schedule, NOW + 2 * HOUR) == ("ben",)
    assert on_call(schedule, NOW + HOUR / 2) == ("ana",), "what was stays told"


def test_what_did_not_change_makes_no_version_though_the_program_stamps_its_answers(
    schedule: Schedule, elsewhere: Elsewhere
) -> None:
    follow(schedule, elsewhere)
    versions = schedule.versions.count()
    for hour in range(1, 4):
        services.read_calendars(now=NOW + hour * HOUR)
    assert (elsewhere.asked, schedule.versions.count()) == (4, versions)
    services.read_calendars(now=NOW + timedelta(days=8))
    assert schedule.versions.count() == versions + 1, "400 days ahead are further a week later"


@pytest.mark.parametrize(
    ("status", "who", "says"), [(503, "ana", "answered 503"), (200, "nobody we know", "no event with a person")]
)
def test_a_calendar_that_fails_or_is_empty_takes_nobody_off_call(
    schedule: Schedule, elsewhere: Elsewhere, status: int, who: str, says: str
) -> None:
    follow(schedule, elsewhere)
    elsewhere.status, elsewhere.who = status, who
    for minutes in (60, 65, 70):
        services.read_calendars(now=NOW + timedelta(minutes=minutes))
    source = CalendarSource.objects.get()
    assert (elsewhere.asked, source.failing_since, source.read_at) == (3, NOW + HOUR, NOW)
    assert says in source.error
    assert on_call(schedule, NOW + 2 * HOUR) == ("ana",)
    elsewhere.status, elsewhere.who = 200, "ben"
    services.read_calendars(now=NOW + timedelta(minutes=80))
    source.refresh_from_db()
    assert (source.error, source.failing_since) == ("", None)


def test_an_address_that_never_worked_is_not_kept(schedule: Schedule, elsewhere: Elsewhere) -> None:
    elsewhere.status, elsewhere.headers = 302, {"Location": "https://elsewhere.example/"}
    with pytest.raises(CalendarUnreadable, match=r"answered 302; it points to https://elsewhere\.example/"):
        follow(schedule, elsewhere)
    assert not CalendarSource.objects.exists()


def test_the_private_network_is_closed_and_a_viewer_follows_nothing(
    schedule: Schedule, elsewhere: Elsewhere, settings: Any
) -> None:
    viewer = permissions.of(factories.make_user(schedule.organisation, role=Role.VIEWER), schedule.organisation)
    with pytest.raises(NotAllowed):
        services.follow_calendar(schedule=schedule, address=elsewhere.address, zone="UTC", actor=viewer, now=NOW)
    settings.TAILWATCH_ALLOW_PRIVATE_OUTBOUND = []
    with pytest.raises(CalendarUnreadable, match="private address"):
        follow(schedule, elsewhere)


def test_who_leaves_while_it_is_read_has_left(schedule: Schedule, elsewhere: Elsewhere) -> None:
    follow(schedule, elsewhere)
    elsewhere.who = "ben"

    def get(**asked: Any) -> Any:
        answer = outbound.get(**asked)
        services.leave_calendar(schedule=schedule, actor=permissions.system(schedule.organisation), now=NOW)
        return answer

    services.read_calendars(now=NOW + HOUR, get=get)
    assert on_call(schedule, NOW + 2 * HOUR) == ("ana",)
    assert not CalendarSource.objects.exists()


def test_the_page_follows_shows_the_host_alone_and_leaves(
    schedule: Schedule, elsewhere: Elsewhere, client: Client, frozen_now: Any
) -> None:
    client.force_login(factories.make_user(schedule.organisation, role=Role.ADMIN))
    page = client.post("/oncall/primary/calendar/", {"address": elsewhere.address}, follow=True).content.decode()
    assert "Follows the calendar at <b>127.0.0.1</b>" in page
    assert "secret-7f3a" not in page
    client.post("/oncall/primary/calendar/leave/")
    assert not CalendarSource.objects.exists()


def test_programs_follow_and_leave_too(
    schedule: Schedule, elsewhere: Elsewhere, client: Client, frozen_now: Any
) -> None:
    client.force_login(factories.make_user(schedule.organisation, role=Role.ADMIN))
    elsewhere.who = "a stranger and ana"
    body = {"address": elsewhere.address}
    path = "/api/v1/schedules/primary/calendar"
    answer = client.put(path, body, content_type="application/json")
    assert (answer.status_code, answer.json()["nobody_known_in"]) == (200, [])
    assert client.delete(path).status_code == 204
