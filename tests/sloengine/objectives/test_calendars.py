"""Calendar windows: months of their own length, zones, clock changes."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sloengine.objectives.calendars import Calendar, period_at

BERLIN = "Europe/Berlin"


def at(text):
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("calendar", "instant", "start", "end"),
    [
        (Calendar("M", 1, "2026-01-01T00:00:00", "UTC"), "2026-02-14T12:00", "2026-02-01", "2026-03-01"),
        (Calendar("M", 1, "2026-01-01T00:00:00", BERLIN), "2026-01-31T23:30", "2026-01-31T23:00", "2026-02-28T23:00"),
        (Calendar("M", 1, "2026-01-01T00:00:00", BERLIN), "2026-03-29T12:00", "2026-02-28T23:00", "2026-03-31T22:00"),
        (Calendar("M", 1, "2026-01-31T00:00:00", "UTC"), "2026-03-01T00:00", "2026-02-28", "2026-03-31"),
        (Calendar("Q", 1, "2026-01-01T00:00:00", "UTC"), "2026-12-31T23:59", "2026-10-01", "2027-01-01"),
        (Calendar("Y", 1, "2020-02-29T00:00:00", "UTC"), "2026-03-01T00:00", "2026-02-28", "2027-02-28"),
        (Calendar("w", 2, "2026-01-05T00:00:00", "UTC"), "2025-12-30T00:00", "2025-12-22", "2026-01-05"),
        (Calendar("d", 1, "2026-01-01T00:00:00", BERLIN), "2026-10-25T12:00", "2026-10-24T22:00", "2026-10-25T23:00"),
    ],
    ids=[
        "February",
        "a zone",
        "summer time begins in it",
        "the 31st",
        "fourth quarter",
        "leap day",
        "before the anchor",
        "25 h",
    ],
)
def test_the_period_that_holds_an_instant(calendar, instant, start, end):
    found = period_at(calendar=calendar, at=at(instant))
    assert (found.start, found.end) == (at(start), at(end))


CALENDARS = st.builds(
    Calendar, unit=st.sampled_from("dwMQY"), count=st.integers(1, 3), zone=st.sampled_from(["UTC", BERLIN, "America/New_York"]),
    start=st.sampled_from(["2026-01-01T00:00:00", "2024-02-29T12:30:00", "2026-03-29T02:30:00", "2025-08-31T00:00:00"]),
)  # fmt: skip


@given(CALENDARS, st.datetimes(datetime(2023, 1, 1), datetime(2029, 1, 1)))
@settings(max_examples=100, deadline=None)
def test_periods_follow_each_other_without_a_gap(calendar, naive):
    instant = naive.replace(tzinfo=UTC)
    found = period_at(calendar=calendar, at=instant)
    assert found.start <= instant < found.end
    assert period_at(calendar=calendar, at=found.end).start == found.end
    assert period_at(calendar=calendar, at=found.start - timedelta(seconds=1)).end == found.start
