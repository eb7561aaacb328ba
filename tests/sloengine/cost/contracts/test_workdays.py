"""Business days by the calendar of a country."""

from __future__ import annotations

from datetime import date

import pytest

from sloengine.cost.contracts.workdays import after, holidays_between, known


@pytest.mark.parametrize(
    ("day", "country", "due"),
    [
        (date(2026, 12, 23), "DE", date(2026, 12, 31)),
        (date(2026, 12, 23), "", date(2026, 12, 30)),
        (date(2026, 11, 25), "US", date(2026, 12, 3)),  # Thanksgiving
        (date(2026, 4, 2), "DE", date(2026, 4, 13)),  # Good Friday, Easter Monday
        (date(2026, 7, 18), "GB", date(2026, 7, 24)),  # passed on a Saturday
        (date(2026, 12, 29), "FR", date(2027, 1, 6)),  # over the year
        (date(2026, 9, 10), "AE", date(2026, 9, 17)),
    ],
)
def test_five_business_days_on(day, country, due):
    assert after(day, days=5, country=country) == due


def test_holidays_between_are_named():
    assert [day for day, _ in holidays_between(date(2026, 12, 23), date(2026, 12, 31), country="DE")] == [
        date(2026, 12, 25)
    ]
    assert holidays_between(date(2026, 12, 23), date(2026, 12, 31), country="") == []
    assert known("DE")
    assert not known("XX")
