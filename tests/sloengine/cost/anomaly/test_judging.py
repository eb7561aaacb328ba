"""The pipeline from use by the hour to what somebody is told, on tenants whose every hour is known."""

from __future__ import annotations

import numpy as np
import pytest

from sloengine.cost.anomaly import judging, levels, pipeline, scores, seasons
from sloengine.cost.anomaly.decide import Reason, Rules, decide
from sloengine.cost.anomaly.drivers import Driver
from sloengine.cost.anomaly.levels import DAY
from tests.sloengine.cost.anomaly import world


def verdict(use, *, row=0, back=1, rules=None, train=None):
    when = seasons.calendar(start=world.START, hours=use.tokens.shape[1])
    book = judging.book(use, when, train=train)
    return decide(book.hour(row, use.tokens.shape[1] - back), rules)


def scaled(use, *, requests=1.0, size=1.0, price=1.0, last=1):
    """The last hours of the first tenant."""
    for values, factor in ((use.requests, requests), (use.tokens, requests * size), (use.usd, requests * size * price)):
        values[0, -last:] *= factor
    return use


@pytest.mark.parametrize(
    ("change", "reason", "driver"),
    [
        ({}, Reason.USUAL, None),
        ({"requests": 3.0}, Reason.SPIKE, Driver.REQUESTS),
        ({"size": 3.0}, Reason.SPIKE, Driver.TOKENS_PER_REQUEST),
        ({"price": 1.6}, Reason.SPIKE, Driver.PRICE),
        ({"requests": 2.5, "size": 0.4}, Reason.MIX, Driver.TOKENS_PER_REQUEST),
        ({"requests": 0.2}, Reason.LESS, Driver.REQUESTS),
    ],
)
def test_what_moved_is_named(change, reason, driver):
    found = verdict(scaled(world.use(), **change))
    assert (found.reason, found.driver) == (reason, driver)


def test_a_step_in_its_first_hours_is_told_with_what_it_costs_an_hour():
    use = scaled(world.use(), requests=2.0, last=3)
    found = verdict(use)
    assert found.opens
    assert found.driver is Driver.REQUESTS
    assert found.extra_per_hour == pytest.approx(float(use.usd[0, -3:].mean()) / 2, rel=0.4)


def test_what_costs_little_departs_all_the_same_and_tells_nobody():
    found = verdict(scaled(world.use(usd_per_token=1e-7), requests=3.0))
    assert found.reason is Reason.IMMATERIAL
    assert found.rate <= Rules().most_per_week


def test_a_tenant_without_a_price_is_judged_by_tokens():
    use = world.use()
    use.usd[0] = np.nan
    found = verdict(scaled(use, requests=3.0))
    assert found.reason is Reason.SPIKE
    assert found.extra_per_hour > 100_000


def test_a_tenant_of_a_day_is_young_and_one_that_never_came_has_no_data():
    use = world.use()
    for values in (use.requests, use.tokens, use.usd):
        values[0, :-DAY] = np.nan
        values[1] = 0.0
    assert verdict(use).reason is Reason.YOUNG
    assert verdict(use, row=1).reason is Reason.NO_DATA


def test_nothing_looks_at_what_comes_later():
    use, later = world.use(), world.use()
    later.tokens[:, -30:] *= 50
    when = seasons.calendar(start=world.START, hours=use.tokens.shape[1])
    one, other = (pipeline.prepare(each.tokens, when) for each in (use, later))
    for name in ("level", "trend", "profile"):
        np.testing.assert_array_equal(getattr(one, name)[:, :-30], getattr(other, name)[:, :-30])
    np.testing.assert_array_equal(one.level[:, -30], other.level[:, -30])
    first, second = (pipeline.judged(each, pipeline.by_calendar(each)).p for each in (one, other))
    np.testing.assert_array_equal(first[:, :-30], second[:, :-30])


def test_p_values_are_as_rare_as_they_say_on_noise():
    noise = np.random.default_rng(3).normal(size=(20, 60 * DAY))
    late = scores.tail(noise, np.ones(noise.shape[1], bool))[:, 28 * DAY :]
    for p in (0.1, 0.01, 0.001):
        assert np.mean(late >= -np.log10(p)) == pytest.approx(p, rel=0.5)


def test_the_ladder_goes_up_with_age():
    use = world.use(days=16)
    when = seasons.calendar(start=world.START, hours=16 * DAY)
    expected = pipeline.by_calendar(pipeline.prepare(use.tokens, when))
    rungs = [pipeline.RUNGS[place] for place in expected.rung[0]]
    assert rungs[DAY] is pipeline.Rung.LEVEL
    assert rungs[4 * DAY] is pipeline.Rung.PROFILE


def test_a_holiday_is_like_a_saturday_and_the_day_after_like_a_monday():
    tuesday = (world.START + np.timedelta64(1, "D").astype(object)).date()
    plain = seasons.calendar(start=world.START, hours=7 * DAY)
    holiday = seasons.calendar(start=world.START, hours=7 * DAY, holidays=[tuesday])
    assert holiday.kind[DAY] == plain.kind[5 * DAY]
    assert holiday.kind[2 * DAY] == plain.kind[0] or plain.kind[0] == 0
    assert holiday.off_before[2 * DAY] == 1.0


def test_unknown_hours_are_filled_and_never_judged():
    use = np.array([[np.nan, 1.0, np.nan, 3.0], [np.nan] * 4])
    np.testing.assert_array_equal(levels.filled(use), [[1, 1, 1, 3], [0, 0, 0, 0]])
    many = world.use(tenants=1)
    many.tokens[0, -1] = np.nan
    when = seasons.calendar(start=world.START, hours=many.tokens.shape[1])
    prepared = pipeline.prepare(many.tokens, when)
    assert pipeline.judged(prepared, pipeline.by_calendar(prepared)).p[0, -1] == 1.0


def test_logs_go_there_and_back():
    use = np.array([[0.0, 5.0, 10.0, 20.0]])
    middle = levels.middles(use)
    np.testing.assert_allclose(levels.use_of(levels.logs(use, middle)[0], middle[0]), use[0], atol=1e-9)


@pytest.mark.heavy
def test_the_learned_model_knows_what_the_calendar_profile_cannot():
    """Requests nearly double in the first hours of every Wednesday: a profile of days of work finds that odd each time."""
    from sloengine.cost.anomaly import learned

    requests = world.use(tenants=4, days=31).requests[:, : 30 * DAY + 4]
    for day in range(2, 31, 7):
        requests[:, day * DAY : day * DAY + 6] *= 1.8
    prepared = pipeline.prepare(requests, seasons.calendar(start=world.START, hours=requests.shape[1]))
    plain = pipeline.by_calendar(prepared)
    model = learned.train_middle(prepared, 0, 28 * DAY)
    taught = pipeline.by_model(prepared, plain, model=model, since=28 * DAY, until=30 * DAY + 4)
    assert pipeline.RUNGS[taught.rung[0, -1]] is pipeline.Rung.LEARNED
    off_by, off_by_taught = (np.median(np.abs(pipeline.residuals(prepared, one)[:, -3:])) for one in (plain, taught))
    assert off_by > 2 * off_by_taught


@pytest.mark.heavy
def test_the_model_says_what_nine_hours_of_ten_lie_between():
    from sloengine.cost.anomaly import learned

    use = world.use(tenants=3, days=32)
    book = judging.book(use, seasons.calendar(start=world.START, hours=32 * DAY), train=learned.train)
    low, high = book.band(0, 32 * DAY - 1) or (0.0, 0.0)
    assert low < float(use.usd[0, -1]) < high
    assert high < 2 * low
    assert judging.book(use, seasons.calendar(start=world.START, hours=32 * DAY)).band(0, 32 * DAY - 1) is None
