from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import islice
from zoneinfo import ZoneInfo

import pytest

from incidents.alerts.maintenance import BadRule, Plan, next_window, windows
from incidents.alerts.silences import notice_at

LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)


def plan(first: str, *, zone: str = "UTC", rule: str = "", hours: float = 2) -> Plan:
    return Plan(datetime.fromisoformat(first), timedelta(hours=hours), zone, rule)


@pytest.mark.parametrize("zone", ["Europe/Paris", "America/Chicago", "Australia/Lord_Howe", "Asia/Kathmandu"])
def test_a_weekly_window_keeps_its_local_hour_through_a_year(zone: str) -> None:
    weekly = plan("2026-01-04T22:00", zone=zone, rule="FREQ=WEEKLY;BYDAY=SU")
    found = list(islice(windows(plan=weekly, after=LONG_AGO), 52))
    assert {window.starts_at.astimezone(ZoneInfo(zone)).hour for window in found} == {22}
    assert {window.ends_at - window.starts_at for window in found} == {timedelta(hours=2)}


def test_a_start_that_the_clocks_jump_over_is_an_hour_later() -> None:
    window = next_window(plan=plan("2026-03-29T02:30", zone="Europe/Paris"), after=LONG_AGO)
    assert window is not None
    assert window.starts_at.astimezone(ZoneInfo("Europe/Paris")).strftime("%H:%M") == "03:30"


def test_a_start_that_comes_twice_is_taken_the_first_time() -> None:
    window = next_window(plan=plan("2026-10-25T02:30", zone="Europe/Paris"), after=LONG_AGO)
    assert window is not None
    assert window.starts_at == datetime(2026, 10, 25, 0, 30, tzinfo=UTC)


def test_the_window_that_holds_counts_until_its_end() -> None:
    daily = plan("2026-01-01T02:00", rule="FREQ=DAILY")
    held = next_window(plan=daily, after=datetime(2026, 5, 5, 3, 59, tzinfo=UTC))
    after = next_window(plan=daily, after=datetime(2026, 5, 5, 4, 0, tzinfo=UTC))
    assert held is not None
    assert after is not None
    assert (held.starts_at.day, after.starts_at.day) == (5, 6)


def test_what_has_no_window_left_is_over() -> None:
    assert next_window(plan=plan("2026-01-01T02:00"), after=datetime(2026, 1, 1, 4, tzinfo=UTC)) is None


@pytest.mark.parametrize(
    "rule", ["nonsense", "FREQ=HOURLY", "FREQ=WEEKLY;BYDAY=XX", "FREQ=WEEKLY;UNTIL=20270101T000000Z"]
)
def test_a_rule_that_cannot_be_used_is_refused_in_words(rule: str) -> None:
    with pytest.raises(BadRule, match="found the rule"):
        plan("2026-01-01T02:00", rule=rule).check()


def test_a_window_has_a_length() -> None:
    for hours in (0, -1, 24 * 31):
        with pytest.raises(BadRule, match="found a window"):
            plan("2026-01-01T02:00", hours=hours).check()


def test_a_silence_is_announced_before_it_ends() -> None:
    start = datetime(2026, 1, 1, tzinfo=UTC)
    assert notice_at(starts_at=start, ends_at=start + timedelta(hours=4)) == start + timedelta(hours=3, minutes=45)
    assert notice_at(starts_at=start, ends_at=start + timedelta(minutes=20)) == start + timedelta(minutes=18)
