"""Layers, hours, holidays, overrides, swaps, shadows, versions."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from incidents.oncall.rotation import Member, Rotation, Unit
from incidents.oncall.schedule import (
    Holidays,
    Hours,
    Layer,
    Override,
    OverrideKind,
    Version,
    gaps,
    layer_shifts,
    on_call,
    shifts,
)
from incidents.oncall.walltime import wall

UTC_ZONE = ZoneInfo("UTC")
MONDAY = datetime(2026, 1, 5, tzinfo=UTC)
ANA, BEN, CLEO, DORA = "ana", "ben", "cleo", "dora"
WEEKDAYS = (0, 1, 2, 3, 4)


def at(hours: float) -> datetime:
    return MONDAY + timedelta(hours=hours)


def layer(*people: str, name: str = "all", zone: str = "UTC", unit: Unit = Unit.WEEKLY, **given) -> Layer:
    members = tuple(Member((person,)) for person in people)
    return Layer(name, ZoneInfo(zone), Rotation(members, datetime(2025, 1, 6), ZoneInfo(zone), unit), **given)


def version(*layers: Layer, since: datetime = datetime(2020, 1, 1, tzinfo=UTC)) -> Version:
    return Version(since, layers)


def read(found) -> list[tuple[float, float, tuple[str, ...]]]:
    return [((s.start - MONDAY) / timedelta(hours=1), (s.end - MONDAY) / timedelta(hours=1), s.people) for s in found]


def day(versions, overrides=()) -> list[tuple[float, float, tuple[str, ...]]]:
    return read(shifts(versions=versions, overrides=overrides, start=MONDAY, end=at(24)))


def who(versions, moment: datetime) -> tuple[str, ...]:
    shift = on_call(versions=versions, at=moment)
    return shift.people if shift is not None else ()


def test_a_higher_layer_counts_where_it_has_somebody() -> None:
    office = layer(BEN, name="office", hours=(Hours(WEEKDAYS, time(9), 480),))
    assert day([version(layer(ANA), office)]) == [(0, 9, (ANA,)), (9, 17, (BEN,)), (17, 24, (ANA,))]


def test_hours_without_a_layer_beneath_leave_gaps_that_are_found() -> None:
    office = layer(BEN, hours=(Hours(WEEKDAYS, time(9), 480),))
    found = shifts(versions=[version(office)], start=MONDAY, end=at(24))
    assert gaps(found=found, start=MONDAY, end=at(24)) == [(at(0), at(9)), (at(17), at(24))]
    assert on_call(versions=[version(office)], at=at(8.99)) is None


def test_hours_may_reach_over_midnight_and_over_a_weekend() -> None:
    night = layer(ANA, hours=(Hours(WEEKDAYS, time(22), 480),))
    weekend = layer(ANA, hours=(Hours((4,), time(17), 3840),))
    assert day([version(night)]) == [(22, 24, (ANA,))]
    assert read(shifts(versions=[version(night)], start=at(24), end=at(48))) == [(24, 30, (ANA,)), (46, 48, (ANA,))]
    assert day([version(weekend)]) == [(0, 9, (ANA,))]


@settings(max_examples=60, deadline=None)
@given(
    zone=st.sampled_from(["America/Chicago", "Europe/Paris", "Australia/Lord_Howe", "Asia/Kathmandu"]),
    year=st.integers(2026, 2037),
    start=st.integers(5, 23),
    length=st.integers(1, 12),
    offset=st.integers(0, 330),
)
def test_day_and_night_layers_leave_no_gap_keep_their_hours_and_never_overlap(
    zone, year, start, length, offset
) -> None:
    length_minutes = length * 60
    every_day = tuple(range(7))
    daytime = layer(ANA, BEN, zone=zone, hours=(Hours(every_day, time(start), length_minutes),))
    after = (datetime(2026, 1, 1, start) + timedelta(minutes=length_minutes)).time()
    night = layer(CLEO, DORA, zone=zone, hours=(Hours(every_day, after, 1440 - length_minutes),))
    begin = datetime(year, 1, 1, tzinfo=UTC) + timedelta(days=offset)
    end = begin + timedelta(days=35)
    found = shifts(versions=[version(night, daytime)], start=begin, end=end)
    assert gaps(found=found, start=begin, end=end) == []
    assert all(one.end == other.start for one, other in pairwise(found))
    begins = {wall(s.start, daytime.zone).time() for s in layer_shifts(daytime, start=begin, end=end)[1:]}
    assert begins <= {time(start), time(0)}  # at midnight the week's turn passes on within a window


def test_a_layer_may_rest_on_holidays_or_work_only_then() -> None:
    tuesday = frozenset({date(2026, 1, 6)})
    usual = layer(ANA, holidays=Holidays.OFF, holiday_dates=tuesday)
    rescue = layer(BEN, holidays=Holidays.ONLY, holiday_dates=tuesday)
    found = shifts(versions=[version(usual, rescue)], start=MONDAY, end=at(72))
    assert read(found) == [(0, 24, (ANA,)), (24, 48, (BEN,)), (48, 72, (ANA,))]


def test_an_override_covers_whoever_is_on_call_and_gaps_too() -> None:
    office = layer(ANA, hours=(Hours(WEEKDAYS, time(9), 480),))
    override = Override(OverrideKind.COVER, CLEO, at(7), at(10))
    assert day([version(office)], [override]) == [(7, 10, (CLEO,)), (10, 17, (ANA,))]


def test_a_swap_replaces_the_one_person_and_only_where_they_are_on_call() -> None:
    daily = layer(ANA, BEN, unit=Unit.DAILY)
    whole = Override(OverrideKind.INSTEAD, CLEO, at(-100), at(100), instead_of=ANA)
    people = {shift.people for shift in shifts(versions=[version(daily)], overrides=[whole], start=MONDAY, end=at(96))}
    assert people == {(CLEO,), (BEN,)}


def test_a_shadow_looks_on_and_never_covers_a_gap() -> None:
    office = layer(ANA, hours=(Hours(WEEKDAYS, time(9), 480),))
    shadow = Override(OverrideKind.SHADOW, DORA, at(0), at(12), instead_of=ANA)
    found = shifts(versions=[version(office)], overrides=[shadow], start=MONDAY, end=at(24))
    assert [(read([s])[0], s.shadows) for s in found] == [((9, 12, (ANA,)), (DORA,)), ((12, 17, (ANA,)), ())]


def test_two_people_may_share_a_turn() -> None:
    pair = Layer("pair", UTC_ZONE, Rotation((Member((ANA, BEN)),), datetime(2025, 1, 6), UTC_ZONE))
    swap = Override(OverrideKind.INSTEAD, CLEO, at(0), at(12), instead_of=BEN)
    assert day([version(pair)], [swap]) == [(0, 12, (ANA, CLEO)), (12, 24, (ANA, BEN))]


def test_an_edit_counts_from_its_instant_on_and_the_past_stays() -> None:
    versions = [version(layer(ANA)), version(layer(BEN), since=at(12))]
    assert day(versions) == [(0, 12, (ANA,)), (12, 24, (BEN,))]
    assert who(versions, at(11.999)) == (ANA,)
    assert who(versions, at(12)) == (BEN,)


@pytest.mark.parametrize("hour", range(0, 24 * 14, 5))
def test_one_instant_is_what_the_calendar_says(hour: int) -> None:
    office = layer(BEN, CLEO, unit=Unit.DAILY, hours=(Hours(WEEKDAYS, time(9), 480),))
    versions = [version(layer(ANA, DORA), office)]
    found = shifts(versions=versions, start=MONDAY, end=at(24 * 14))
    expected = next(s.people for s in found if s.start <= at(hour) < s.end)
    assert who(versions, at(hour)) == expected
