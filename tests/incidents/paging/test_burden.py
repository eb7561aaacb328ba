"""Pages a shift and sleep interrupted: rings counted by person, night and turn."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from incidents.paging.burden import Ring, Turn, burden, night_of

MONDAY = datetime(2026, 11, 16, tzinfo=UTC)
VIENNA = ZoneInfo("Europe/Vienna")


def at(text: str) -> datetime:
    return datetime.fromisoformat(f"2026-11-{text}+00:00")


@pytest.mark.parametrize(
    ("when", "zone", "night"),
    [
        ("16T22:30", "UTC", date(2026, 11, 16)),
        ("17T03:10", "UTC", date(2026, 11, 16)),
        ("17T06:59", "UTC", date(2026, 11, 16)),
        ("17T07:00", "UTC", None),
        ("17T21:59", "UTC", None),
        ("17T21:30", "Europe/Vienna", date(2026, 11, 17)),  # 22:30 there
        ("17T21:30", "America/New_York", None),
    ],
)
def test_a_night_belongs_to_its_evening_where_the_person_lives(when, zone, night) -> None:
    assert night_of(at(when), ZoneInfo(zone)) == night


def test_one_night_is_interrupted_once_however_often_the_phone_rings() -> None:
    rings = [Ring(at("16T23:00"), "ana", 1), Ring(at("17T03:00"), "ana", 2), Ring(at("17T03:00"), "ben", 2)]
    found = burden(rings=rings, turns=[], zones={})
    assert (found.nights, found.woken, found.pages) == (2, 2, 3)
    ana = found.people[0]
    assert (ana.username, ana.pages, ana.at_night, ana.nights, ana.a_shift) == ("ana", 3 - 1, 2, 1, None)


def test_hours_are_those_of_the_person() -> None:
    found = burden(
        rings=[Ring(at("17T10:00"), "ana", 1), Ring(at("17T10:00"), "ben", 1)], turns=[], zones={"ana": VIENNA}
    )
    assert [hour for hour, count in enumerate(found.by_hour) if count] == [10, 11]


def test_pages_fall_into_the_shift_in_which_they_came() -> None:
    week = timedelta(days=7)
    turns = [Turn("ana", MONDAY, MONDAY + week), Turn("ana", MONDAY + 2 * week, MONDAY + 3 * week)]
    moments = [MONDAY, MONDAY + timedelta(hours=1), MONDAY + week, MONDAY + 2 * week]  # the third: off shift
    found = burden(rings=[Ring(moment, "ana", number) for number, moment in enumerate(moments)], turns=turns, zones={})
    (ana,) = found.people
    assert (ana.shifts, ana.pages, ana.in_shifts, ana.most, ana.a_shift) == (2, 4, 3, 2, 1.5)
    assert ana.per_12_hours == pytest.approx(4 * 12 / (14 * 24))
    assert found.a_shift == 1.5


def test_two_schedules_at_once_are_one_shift() -> None:
    day = timedelta(days=1)
    turns = [Turn("ana", MONDAY, MONDAY + 2 * day), Turn("ana", MONDAY + day, MONDAY + 3 * day)]
    (ana,) = burden(rings=[], turns=turns, zones={}).people
    assert (ana.shifts, ana.hours) == (1, 72.0)


def test_nobody_paged_is_nobody_woken() -> None:
    found = burden(rings=[], turns=[], zones={})
    assert (found.people, found.nights, found.a_shift) == ((), 0, None)
