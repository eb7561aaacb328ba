"""The forecast's interval holds, its middle follows weekdays and trend, and too little history is said."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import pytest

from sloengine.cost.forecast.ahead import State, forecast

FIRST = date(2026, 1, 5)  # a Monday
WEEK = np.array([1.2, 1.25, 1.2, 1.15, 1.1, 0.6, 0.5])
AHEAD = 90


def history(values) -> dict[date, float]:
    return {FIRST + timedelta(days=number): float(value) for number, value in enumerate(values)}


def told(values, **given):
    return forecast(history(values), last=FIRST + timedelta(days=len(values) - 1), **given)


def played(random, count: int, *, growth: float, alike: float, spread: float = 0.08):
    """A level that grows by `growth` in 90 days, weekdays, and days that resemble the one before."""
    noise = np.empty(count + AHEAD)
    noise[0] = random.normal() * spread
    for number in range(1, len(noise)):
        noise[number] = alike * noise[number - 1] + spread * np.sqrt(1 - alike**2) * random.normal()
    at = np.arange(len(noise))
    return 1e6 * (1 + growth * at / 90) * WEEK[at % 7] * (1 + noise)


def test_nine_in_ten_lie_between_low_and_high():
    random = np.random.default_rng(7)
    hits, rounds = np.zeros(3), 0
    for count in (60, 120):
        for growth, alike in ((0.0, 0.0), (0.3, 0.0), (0.0, 0.5), (0.3, 0.5)):
            for _ in range(22):
                days = played(random, count, growth=growth, alike=alike)
                rows = told(days[:count]).ahead
                for place, ahead in enumerate((30, 90)):
                    row = rows[ahead - 1]
                    hits[place] += row.low <= days[count + ahead - 1] <= row.high
                hits[2] += rows[-1].sum_low <= days[count:].sum() <= rows[-1].sum_high
                rounds += 1
    assert all(0.85 <= share <= 0.95 for share in hits / rounds)


def test_weekdays_repeat_and_a_trend_goes_on_damped():
    found = told(100 * WEEK[np.arange(70) % 7])
    assert [row.middle for row in found.ahead[:7]] == pytest.approx(100 * WEEK)
    assert found.end is not None
    assert found.end.sum_middle == pytest.approx(sum(100 * WEEK[np.arange(90) % 7]))
    rising = told(100 + np.arange(120.0))
    assert rising.end is not None
    assert 280 < rising.end.middle < 309
    assert rising.end.low < 309 < rising.end.high * 1.05


def test_a_wild_day_moves_the_forecast_little():
    days = 100 * WEEK[np.arange(70) % 7]
    wild = days.copy()
    wild[60] *= 30
    before, after = told(days).end, told(wild).end
    assert before is not None
    assert after is not None
    assert after.sum_middle == pytest.approx(before.sum_middle, rel=0.05)


def test_too_little_history_says_what_is_missing():
    found = told([5.0] * 9)
    assert (found.state, found.missing, found.ahead) == (State.LITTLE_HISTORY, 5, ())
    assert found.said == "not enough history: 9 closed days, 5 more are needed"
    assert forecast({}, last=FIRST).missing == 14
    assert told([5.0] * 14).state is State.KNOWN
    assert told([5.0] * 10 + [0.0] * 28).state is State.UNUSED


def test_what_is_after_the_last_closed_day_is_not_learnt_from():
    days = history([100.0] * 30 + [1.0])
    found = forecast(days, last=FIRST + timedelta(days=29))
    assert found.ahead[0].day == FIRST + timedelta(days=30)
    assert found.ahead[0].middle == pytest.approx(100)


def test_nobody_at_weekends_stays_so():
    found = told(np.where(np.arange(56) % 7 < 5, 100.0, 0.0))
    assert [row.high for row in found.ahead[5:7]] == [0, 0]
    assert found.ahead[0].middle == pytest.approx(100)
