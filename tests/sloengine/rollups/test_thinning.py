"""Which ticks live on, in which tier, for how long."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from sloengine.rollups.thinning import (
    FINEST,
    FIVE_MINUTES,
    HOUR,
    droppable,
    is_midnight,
    partition_of,
    partitions_from,
    survivors,
    tiers_of,
    tiers_of_stand_in,
)  # fmt: skip


def at(text: str) -> datetime:
    return datetime.fromisoformat(f"2026-11-17T{text}").replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("tick", "zones", "tiers"),
    [
        ("10:00:00", (), (FINEST, FIVE_MINUTES, HOUR)),
        ("10:05:00", (), (FINEST, FIVE_MINUTES)),
        ("10:05:30", (), (FINEST,)),
        ("18:30:00", ("Asia/Kolkata",), (FINEST, FIVE_MINUTES, HOUR)),  # midnight at UTC+5:30
        ("18:15:00", ("Asia/Kathmandu", "UTC"), (FINEST, FIVE_MINUTES, HOUR)),  # and at UTC+5:45
        ("18:30:00", ("UTC", "Europe/Berlin"), (FINEST, FIVE_MINUTES)),
    ],
)
def test_a_tick_goes_into_the_tiers_on_whose_steps_it_lies(
    tick: str, zones: tuple[str, ...], tiers: tuple[object, ...]
) -> None:
    assert tiers_of(at(tick), zones=zones) == tiers


def test_a_day_may_begin_at_one_in_the_morning() -> None:
    # Paraguay moved its clocks at midnight: 2024-10-06 began at 01:00 local, 04:00 UTC.
    assert is_midnight(datetime(2024, 10, 6, 4, tzinfo=UTC), "America/Asuncion")
    assert not is_midnight(datetime(2024, 10, 6, 5, tzinfo=UTC), "America/Asuncion")


@pytest.mark.parametrize(
    ("before", "after", "tiers"),
    [
        ("10:04:30", "10:05:00", ()),
        ("10:04:30", "10:05:30", (FIVE_MINUTES,)),
        ("10:00:00", "10:04:30", ()),
        ("09:59:30", "10:00:30", (FIVE_MINUTES, HOUR)),
        ("10:58:00", "11:00:00", ()),
    ],
)
def test_the_row_before_a_missed_step_stands_in(before: str, after: str, tiers: tuple[object, ...]) -> None:
    assert tiers_of_stand_in(at(before), at(after)) == tiers


def test_survivors_are_steps_and_stand_ins() -> None:
    ticks = [at(text) for text in ("10:00:00", "10:00:30", "10:04:30", "10:05:30", "10:10:00")]
    assert survivors(ticks, FIVE_MINUTES) == [at("10:00:00"), at("10:04:30"), at("10:10:00")]
    assert survivors(ticks, FINEST) == ticks


def test_partitions_are_hours_days_and_months() -> None:
    now = at("10:31:30")
    assert partition_of(FINEST, now) == (at("10:00"), at("11:00"))
    assert partition_of(FIVE_MINUTES, now) == (at("00:00"), at("00:00") + timedelta(days=1))
    assert partition_of(HOUR, now) == (datetime(2026, 11, 1, tzinfo=UTC), datetime(2026, 12, 1, tzinfo=UTC))
    assert [start for start, _ in partitions_from(FINEST, start=now, end=at("12:00"))] == [
        at("10:00"),
        at("11:00"),
        at("12:00"),
    ]


def test_a_partition_goes_when_all_of_it_is_old() -> None:
    assert droppable(FINEST, now=at("17:30")) == at("10:00")
