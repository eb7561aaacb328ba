"""A commitment is used up: the forecast holds as often as it says, and the date of exhaustion is that of the sum."""

from __future__ import annotations

import random
from datetime import date, timedelta

import pytest

from sloengine.cost.contracts.burndown import CONFIDENCE, State, burn_down, pace
from tests.sloengine.cost.contracts.given import known

FIRST, LAST = date(2026, 1, 1), date(2026, 12, 31)


def days_of(amounts, first=FIRST):
    return {first + timedelta(days=number): float(amount) for number, amount in enumerate(amounts)}


def test_a_steady_use_is_used_up_on_the_day_of_arithmetic():
    found = burn_down(
        days=days_of([10] * 100), carried=0, first=FIRST, last=LAST, today=FIRST + timedelta(days=100), limit=2000
    )
    assert found.used == 1000
    assert found.reached_on == FIRST + timedelta(days=199)
    assert found.earliest == found.latest == found.reached_on
    assert known(found.end).middle == pytest.approx(3650)


def test_what_was_carried_counts_and_what_was_passed_keeps_its_day():
    found = burn_down(
        days=days_of([10] * 30), carried=900, first=FIRST, last=LAST, today=FIRST + timedelta(days=29), limit=1000
    )
    assert (found.used, found.reached_on) == (1200, FIRST + timedelta(days=9))
    assert found.ratio == pytest.approx(1.2)


def test_too_little_history_makes_no_forecast():
    found = burn_down(
        days=days_of([10] * 5), carried=0, first=FIRST, last=LAST, today=FIRST + timedelta(days=5), limit=99
    )
    assert (found.state, found.end, found.reached_on) == (State.LITTLE_HISTORY, None, None)
    assert burn_down(days={}, carried=3, first=FIRST, last=LAST, today=FIRST, limit=9).used == 3
    assert pace({}, last=FIRST) is None


def test_days_before_the_period_teach_the_pace():
    before = days_of([7] * 30, first=FIRST - timedelta(days=30))
    found = burn_down(days={}, before=before, carried=0, first=FIRST, last=LAST, today=FIRST, limit=70)
    assert found.reached_on == FIRST + timedelta(days=9)


def test_today_so_far_is_a_part_of_today():
    days = {**days_of([10] * 30), FIRST + timedelta(days=30): 4.0}
    found = burn_down(days=days, carried=0, first=FIRST, last=LAST, today=FIRST + timedelta(days=30), limit=310)
    assert found.used == 304
    assert found.ahead[0].middle == pytest.approx(6)
    assert found.reached_on == FIRST + timedelta(days=30)


def test_weekdays_are_learnt():
    amounts = [20 if (FIRST + timedelta(days=n)).weekday() < 5 else 1 for n in range(56)]
    learnt = pace(days_of(amounts), last=FIRST + timedelta(days=55))
    assert known(learnt).by_weekday == pytest.approx((20, 20, 20, 20, 20, 1, 1))
    assert known(learnt).spread == pytest.approx(0)


def test_after_the_period_nothing_is_foretold():
    found = burn_down(
        days=days_of([10] * 365), carried=0, first=FIRST, last=LAST, today=LAST + timedelta(days=3), limit=9999
    )
    assert (found.used, found.ahead, known(found.end).middle, found.reached_on) == (3650, (), 3650, None)


@pytest.mark.parametrize("alike", [0.0, 0.5])
def test_the_interval_holds_as_often_as_it_says(alike):
    """Days of a lognormal kind that may resemble the day before: the sum of the next 60 lies within, 9 times in 10."""
    held = 0
    for seed in range(200):
        rng, level, amounts = random.Random(seed), 0.0, []
        for _ in range(116):
            level = alike * level + (1 - alike**2) ** 0.5 * rng.gauss(0, 1)
            amounts.append(100 * (1 + 0.15 * level))
        today = FIRST + timedelta(days=56)
        found = burn_down(
            days=days_of(amounts[:56]), carried=0, first=FIRST, last=FIRST + timedelta(days=115), today=today, limit=1e9
        )
        held += known(found.end).low <= sum(amounts) <= known(found.end).high
    assert held / 200 >= CONFIDENCE - 0.05
