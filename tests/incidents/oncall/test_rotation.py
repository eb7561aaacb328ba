"""The promises of rotations, over zones and years: no gap, no overlap, the local hour kept."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from incidents.oncall.rotation import Member, Rotation, Unit, handover, turns
from incidents.oncall.walltime import instant, wall

ZONES = ("America/Chicago", "Europe/Paris", "Australia/Lord_Howe", "Asia/Kathmandu", "America/St_Johns", "Africa/Cairo")
LENGTH = {Unit.HOURLY: timedelta(hours=1), Unit.DAILY: timedelta(days=1), Unit.WEEKLY: timedelta(weeks=1)}


def rotation(zone: str, starts: datetime, unit: Unit = Unit.WEEKLY, every: int = 1, people: int = 3) -> Rotation:
    members = tuple(Member((str(number),)) for number in range(1, people + 1))
    return Rotation(members, starts, ZoneInfo(zone), unit, every)


def whose(found: Rotation, first: datetime, count: int) -> list[str]:
    end = first + timedelta(days=400)
    return [turn.people[0] for turn in list(turns(found, start=first, end=end))[:count]]


walls = st.datetimes(min_value=datetime(2016, 1, 1), max_value=datetime(2034, 1, 1)).map(
    lambda at: at.replace(second=0, microsecond=0)
)


@settings(max_examples=120, deadline=None)
@given(
    zone=st.sampled_from(ZONES),
    starts=walls,
    unit=st.sampled_from(list(Unit)),
    every=st.integers(1, 13),
    people=st.integers(1, 10),
    ahead=st.integers(0, 4000),
    span=st.integers(1, 90),
)
def test_every_instant_has_exactly_one_turn(zone, starts, unit, every, people, ahead, span) -> None:
    found = rotation(zone, starts, unit, every, people)
    start = instant(starts, found.zone) + timedelta(days=ahead)
    end = start + timedelta(days=span)
    listed = list(turns(found, start=start, end=end))
    assert listed[0].start <= start < listed[0].end
    assert listed[-1].start < end <= listed[-1].end
    assert all(one.end == other.start and one.number < other.number for one, other in pairwise(listed))
    assert all(turn.people == (str(turn.number % people + 1),) for turn in listed)


@settings(max_examples=80, deadline=None)
@given(zone=st.sampled_from(ZONES), starts=walls, unit=st.sampled_from([Unit.DAILY, Unit.WEEKLY, Unit.MONTHLY]))
def test_the_local_hour_is_kept_all_year(zone, starts, unit) -> None:
    found = rotation(zone, starts, unit)
    start = instant(starts, found.zone)
    for turn in turns(found, start=start, end=start + timedelta(days=400)):
        begin, expected = wall(turn.start, found.zone), handover(found, turn.number)
        # Only an hour that does not exist that day is another: then it is the change itself, never an hour or day later.
        skipped = expected < begin and instant(expected - timedelta(minutes=61), found.zone) < turn.start
        assert begin == expected or skipped
        assert begin.time() == starts.time() or skipped


@settings(max_examples=80, deadline=None)
@given(zone=st.sampled_from(ZONES), starts=walls, unit=st.sampled_from(list(Unit)), at=st.integers(0, 10**8))
def test_one_instant_asked_alone_is_what_the_whole_says(zone, starts, unit, at) -> None:
    found = rotation(zone, starts, unit, 2)
    moment = instant(starts, found.zone) + timedelta(seconds=at)
    alone = next(turns(found, start=moment, end=moment + timedelta(microseconds=1)))
    around = turns(found, start=moment - timedelta(days=70), end=moment + timedelta(days=70))
    assert alone in list(around)


@pytest.mark.parametrize(
    ("zone", "changes", "hours"),
    [
        ("America/Chicago", datetime(2026, 3, 8), 23),
        ("America/Chicago", datetime(2026, 11, 1), 25),
        ("Europe/Paris", datetime(2026, 3, 29), 23),
        ("Europe/Paris", datetime(2026, 10, 25), 25),
        ("Australia/Lord_Howe", datetime(2026, 4, 5), 24.5),
        ("Australia/Lord_Howe", datetime(2026, 10, 4), 23.5),
        ("Asia/Kathmandu", datetime(2026, 3, 29), 24),
    ],
)
def test_the_day_of_the_change_is_as_long_as_it_is_there(zone: str, changes: datetime, hours: float) -> None:
    daily = rotation(zone, changes - timedelta(days=10), Unit.DAILY)
    begin = instant(changes, daily.zone)
    turn = next(turns(daily, start=begin, end=begin + timedelta(hours=1)))
    assert (turn.end - turn.start) == timedelta(hours=hours)
    assert (wall(turn.start, daily.zone), wall(turn.end, daily.zone)) == (changes, changes + timedelta(days=1))


def test_a_hand_over_at_an_hour_that_does_not_exist_is_the_change_itself() -> None:
    daily = rotation("Europe/Paris", datetime(2026, 3, 1, 2, 30), Unit.DAILY)
    noon = datetime(2026, 3, 28, 12, tzinfo=UTC)
    begins = [turn.start for turn in turns(daily, start=noon, end=noon + timedelta(days=2))]
    assert begins[1] == datetime(2026, 3, 29, 1, 0, tzinfo=UTC)
    assert begins[2] == datetime(2026, 3, 30, 0, 30, tzinfo=UTC)


def test_an_hourly_turn_that_does_not_exist_is_passed_over_and_a_doubled_hour_is_one_turn() -> None:
    hourly = rotation("Europe/Paris", datetime(2026, 3, 1), Unit.HOURLY)
    spring = list(turns(hourly, start=datetime(2026, 3, 28, 23, tzinfo=UTC), end=datetime(2026, 3, 29, 3, tzinfo=UTC)))
    autumn = list(turns(hourly, start=datetime(2026, 10, 24, 23, tzinfo=UTC), end=datetime(2026, 10, 25, 3, tzinfo=UTC)))  # fmt: skip
    assert [one.number - spring[0].number for one in spring] == [0, 1, 3, 4]
    assert [(one.end - one.start) // timedelta(hours=1) for one in autumn] == [1, 2, 1]


def test_a_whole_day_that_a_country_left_out_is_nobodys() -> None:
    daily = rotation("Pacific/Apia", datetime(2011, 12, 1, 9), Unit.DAILY)
    found = list(turns(daily, start=datetime(2011, 12, 29, 19, tzinfo=UTC), end=datetime(2012, 1, 1, tzinfo=UTC)))
    assert all(one.end == other.start for one, other in pairwise(found))
    assert found[0].end - found[0].start <= timedelta(hours=24)


def test_the_thirty_first_is_the_last_day_of_shorter_months() -> None:
    monthly = rotation("UTC", datetime(2027, 1, 31, 9), Unit.MONTHLY)
    assert [handover(monthly, number).day for number in range(5)] == [31, 28, 31, 30, 31]


def test_a_hundred_years_are_counted_not_walked() -> None:
    hourly = rotation("Europe/Paris", datetime(1990, 1, 1), Unit.HOURLY)
    begin = datetime(2089, 6, 1, tzinfo=UTC)
    assert next(turns(hourly, start=begin, end=begin + timedelta(hours=1))).number > 800_000


def test_before_the_first_hand_over_and_after_the_end_there_is_nobody() -> None:
    ended = Rotation(
        (Member(("1",)),), datetime(2026, 1, 5, 9), ZoneInfo("UTC"), Unit.WEEKLY, 1, datetime(2026, 1, 14, 9)
    )
    found = list(turns(ended, start=datetime(2025, 12, 1, tzinfo=UTC), end=datetime(2026, 6, 1, tzinfo=UTC)))
    assert (found[0].start, found[-1].end) == (
        datetime(2026, 1, 5, 9, tzinfo=UTC),
        datetime(2026, 1, 14, 9, tzinfo=UTC),
    )


def test_who_joins_takes_their_place_and_nobody_has_two_turns_for_it() -> None:
    joins = datetime(2026, 1, 26, 9)
    found = Rotation(
        (Member(("1",)), Member(("3",), joins=joins), Member(("2",))), datetime(2026, 1, 5, 9), ZoneInfo("UTC")
    )
    assert whose(found, datetime(2026, 1, 5, 9, tzinfo=UTC), 7) == list("1213213")


def test_who_leaves_is_passed_over_from_then_on() -> None:
    leaves = datetime(2026, 1, 19, 9)
    found = Rotation(
        (Member(("1",)), Member(("2",), leaves=leaves), Member(("3",))), datetime(2026, 1, 5, 9), ZoneInfo("UTC")
    )
    assert whose(found, datetime(2026, 1, 5, 9, tzinfo=UTC), 6) == list("123131")


def test_a_list_that_everyone_left_is_nobodys_turn() -> None:
    found = Rotation((Member(("1",), leaves=datetime(2026, 1, 12, 9)),), datetime(2026, 1, 5, 9), ZoneInfo("UTC"))
    listed = list(turns(found, start=datetime(2026, 1, 5, 9, tzinfo=UTC), end=datetime(2026, 1, 20, tzinfo=UTC)))
    assert [turn.people for turn in listed] == [("1",), (), ()]
