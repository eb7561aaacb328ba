"""The watch over schedules: hand-overs are told with their note, gaps are found ahead and paged, notices leave."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from incidents.oncall import services
from incidents.oncall.models import ScheduleGap, ScheduleWatch, ShiftNotice
from incidents.oncall.watch import services as watch
from incidents.paging.models import Page
from incidents.response.models import Incident
from observability.core import outbound, permissions
from observability.core.models import Role
from observability.local_pager import LocalPager
from tests import factories
from tests.factories import NOW

pytestmark = pytest.mark.django_db
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


@pytest.fixture
def people(acme):
    return [factories.make_user(acme, username=name) for name in ("ana", "ben")]


@pytest.fixture
def admin(acme):
    found = factories.make_user(acme, username="root", role=Role.ADMIN)
    factories.make_pager(found, acme, url="https://pager.example/")
    return found


def told(kind: str) -> list[tuple[str, str]]:
    return list(ShiftNotice.objects.filter(kind=kind).order_by("pk").values_list("user__username", "text"))


def test_a_hand_over_is_told_to_both_with_the_note_of_the_last_shift(acme, people) -> None:
    schedule = factories.make_schedule(acme, *people)
    watch.watch_due(now=NOW)
    ana = permissions.of(people[0], acme)
    services.add_note(schedule=schedule, text="Replica 3 is drained.", actor=ana, now=NOW + DAY)
    due = ScheduleWatch.objects.get().due_at
    assert due == NOW + HOUR  # looked at again within the hour, and at the hand-over at the latest
    handover = NOW.replace(day=23, hour=9)
    assert watch.watch_due(now=handover) == 1
    [(first, _), (second, text)] = told("shift_begins")
    assert (first, second) == ("ana", "ben")
    assert text == "You are on call in Primary until Mon 30 Nov 09:00 UTC. ana left a note: Replica 3 is drained."
    assert told("shift_ends") == [("ana", "Your shift in Primary is over. ben has it now.")]
    watch.watch_due(now=handover + HOUR)
    assert ShiftNotice.objects.count() == 3


def test_the_watch_wakes_exactly_at_the_hand_over(acme, people) -> None:
    factories.make_schedule(acme, *people)
    before = NOW.replace(day=23, hour=8, minute=30)
    watch.watch_due(now=before)
    assert ScheduleWatch.objects.get().due_at == NOW.replace(day=23, hour=9)
    assert watch.watch_due(now=before + timedelta(minutes=29)) == 0


def until(acme, end: str) -> Any:
    members = [{"people": ["ana"]}]
    layer = {"name": "weekly", "starts": "2026-11-02T09:00", "until": end, "members": members}
    return factories.make_schedule(acme, layers=[layer])


def test_a_gap_far_ahead_is_a_notice_and_a_near_one_pages_the_fallback(acme, people, admin) -> None:
    until(acme, "2026-11-20T09:00")
    watch.watch_due(now=NOW)
    [(username, text)] = told("gap")
    assert username == "root"
    assert text.startswith("Nobody is on call in Primary from Fri 20 Nov 09:00")
    assert not Incident.objects.exists()
    near = NOW.replace(day=19, hour=9)
    watch.watch_due(now=near)
    incident = Incident.objects.get()
    assert incident.title.startswith("Nobody is on call in Primary from Fri 20 Nov 09:00")
    assert list(Page.objects.values_list("user__username", flat=True)) == ["root"]
    watch.watch_due(now=near + HOUR)
    assert (Incident.objects.count(), ScheduleGap.objects.count()) == (1, 1)


def test_a_covered_gap_closes_and_its_incident_ends(acme, people, admin) -> None:
    schedule = until(acme, "2026-11-18T09:00")
    watch.watch_due(now=NOW)
    incident = Incident.objects.get()
    factories.make_schedule(acme, *people, now=NOW + HOUR)
    watch.watch_due(now=NOW + HOUR)
    incident.refresh_from_db()
    assert (incident.state, incident.resolved_reason) == ("resolved", "somebody is on call again")
    assert schedule.gaps.get().closed_at == NOW + HOUR


def test_a_schedule_of_office_hours_by_intent_has_no_gaps(acme, people, admin) -> None:
    members = [{"people": ["ana"]}]
    hours = [{"start": "09:00", "minutes": 480}]
    office = {"name": "office", "starts": "2026-11-02T09:00", "members": members, "hours": hours}
    factories.make_schedule(acme, layers=[office], covers_always=False)
    watch.watch_due(now=NOW)
    assert not ScheduleGap.objects.exists()


def test_notices_leave_over_http_and_are_tried_again(acme, people, settings) -> None:
    settings.TAILWATCH_ALLOW_PRIVATE_OUTBOUND = ["127.0.0.1"]
    factories.make_schedule(acme, *people)
    watch.watch_due(now=NOW)
    with LocalPager() as phone:
        factories.make_pager(people[0], acme, url=phone.url)

        def down(**_given: object) -> outbound.Answer:
            return outbound.Answer(503, b"", {})

        assert watch.send_notices(now=NOW, transport=down) == 1
        assert watch.send_notices(now=NOW) == 0
        watch.send_notices(now=NOW + timedelta(minutes=1))
        assert [message["kind"] for message in phone.messages] == ["shift_begins"]
    assert (ShiftNotice.objects.get().state, ShiftNotice.objects.get().attempts) == ("sent", 2)


def test_a_beat_without_work_asks_once(acme, people, django_assert_num_queries) -> None:
    factories.make_schedule(acme, *people)
    watch.watch_due(now=NOW)
    watch.send_notices(now=NOW)
    with django_assert_num_queries(2):
        watch.watch_due(now=NOW + timedelta(seconds=30))
        watch.send_notices(now=NOW + timedelta(seconds=30))
