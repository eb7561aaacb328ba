"""Spending budgets: windows, levels, the day on which the limit will be passed; what is refused."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal

import pytest

from sloengine.cost.tenantbudgets.budget import BadBudget, Level, Spent, judge, read

TODAY = date(2026, 11, 17)
WEEK = {
    "name": "Acme, weekly",
    "scope": "tenant",
    "who": "acme",
    "window": "7d",
    "soft_usd": "800",
    "hard_usd": "1000",
    "owner": "lea",
}


def spent(*amounts, today=TODAY, unknown=0):
    """The last amount is today's."""
    days = {
        today - timedelta(days=len(amounts) - 1 - number): Decimal(str(amount)) for number, amount in enumerate(amounts)
    }
    return Spent(days, unknown)


def stand(*amounts, today=TODAY, unknown=0, **given):
    return judge(read({**WEEK, **given}), spent=spent(*amounts, today=today, unknown=unknown), today=today)


@pytest.mark.parametrize(
    ("amounts", "unknown", "level", "told"),
    [
        ([100] * 7, 0, Level.OK, 0),
        ([999, 100, 100, 100, 100, 100, 100, 100], 0, Level.OK, 0),
        ([114] * 7, 0, Level.OK, 0),
        ([115] * 7, 0, Level.SOFT, 1),
        ([136] * 7, 0, Level.SOFT, 2),
        ([999.99], 0, Level.SOFT, 2),
        ([1000], 0, Level.HARD, 2),
        ([10], 5, Level.UNKNOWN, 0),
    ],
    ids=["within", "a week ago is out", "just below", "soft", "95 %", "a cent below", "to the cent", "no price"],
)
def test_levels(amounts, unknown, level, told):
    found = stand(*amounts, unknown=unknown)
    assert (found.level, len(found.reached)) == (level, told)


def test_without_a_soft_limit_it_is_near_before_it_is_over():
    assert stand(*[115] * 7, soft_usd="").level is Level.NEAR
    assert stand(800, hard_usd="").level is Level.SOFT


def test_a_month_begins_on_its_first_day():
    found = stand(*[50] * 30, window="month", today=date(2026, 11, 17))
    assert found.spent == 17 * 50
    assert stand(*[50] * 30, window="month", today=date(2026, 12, 1)).spent == 50


def test_the_overrun_of_a_rolling_window_is_the_day_whose_window_holds_the_limit():
    few = stand(*[20] * 20, *[150] * 2)
    assert (few.level, few.overrun_on) == (Level.OK, None)  # at the mean of so many days no window holds 1,000
    steady = stand(*[150] * 14, 0)
    assert (steady.spent, steady.overrun_on) == (900, TODAY + timedelta(days=7))


def test_the_overrun_of_a_month():
    found = stand(*[60] * 17, window="month")
    assert (found.spent, found.level) == (1020, Level.HARD)
    assert found.overrun_on == TODAY
    less = stand(*[40] * 17, window="month")
    assert (less.spent, less.overrun_on) == (680, TODAY + timedelta(days=8))
    assert less.overrun_from == less.overrun_on
    assert stand(*[20] * 17, window="month").overrun_on is None


def test_little_history_foretells_nothing():
    found = stand(150, 150)
    assert (found.pace_known, found.overrun_on) == (False, None)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"scope": "person"}, "scope: found 'person', expected tenant, tag or team"),
        ({"window": "0d"}, "window: found '0d'"),
        ({"window": "weekly"}, "window: found 'weekly'"),
        ({"hard_usd": "-5"}, "hard_usd: found '-5'"),
        ({"hard_usd": "5.001"}, "hard_usd: found '5.001'"),
        ({"soft_usd": "2000"}, "soft_usd: found '2000', expected USD from 0.01 on, or nothing; at most the hard limit"),
        ({"soft_usd": "", "hard_usd": ""}, "hard_usd: found no limit at all"),
        ({"currency": "EUR"}, "currency: found 'EUR', expected USD"),
        ({"owner": ""}, "owner: found nothing"),
        ({"limit": "5"}, "limit: found a field of this name"),
    ],
)
def test_what_is_wrong_is_named(given, said):
    with pytest.raises(BadBudget) as problem:
        read({**WEEK, **given})
    assert said in str(problem.value)
