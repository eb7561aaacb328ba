"""The instants of a burn-down chart."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from sloengine.budgets.queries import _chart_instants

END = datetime(2026, 11, 17, 9, 2, 30, tzinfo=UTC)


def test_a_long_chart_begins_its_windows_at_its_own_points() -> None:
    window = timedelta(days=30)
    found = _chart_instants(start=END - timedelta(days=398), end=END, points=400, window=window)
    assert found[-1] == END
    assert len(found) == 399
    assert {one - window for one in found[30:]} <= set(found)


def test_a_chart_of_short_windows_has_the_points_that_were_asked_for() -> None:
    start = END - timedelta(days=10)
    found = _chart_instants(start=start, end=END, points=11, window=timedelta(hours=1))
    assert found == [start + timedelta(days=number) for number in range(11)]
