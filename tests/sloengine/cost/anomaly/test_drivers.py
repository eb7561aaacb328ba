"""The change in spend, split into what made it."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sloengine.cost.anomaly.drivers import Driver, Factors, logarithmic_mean, main_driver, parts

amounts = st.floats(1e-6, 1e9)
factors = st.builds(Factors, amounts, amounts, amounts)


@given(before=factors, after=factors)
@settings(max_examples=60, deadline=None)
def test_the_parts_add_up_to_the_change(before, after):
    change = after.spend - before.spend
    assert sum(parts(before=before, after=after).values()) == pytest.approx(
        change, rel=1e-6, abs=1e-9 * max(before.spend, after.spend)
    )


@pytest.mark.parametrize(
    ("after", "driver"),
    [
        (Factors(300, 500, 0.001), Driver.REQUESTS),
        (Factors(110, 1500, 0.001), Driver.TOKENS_PER_REQUEST),
        (Factors(100, 500, 0.002), Driver.PRICE),
        (Factors(30, 500, 0.001), Driver.REQUESTS),
        (Factors(90, 800, 0.001), Driver.TOKENS_PER_REQUEST),
    ],
)
def test_the_factor_that_moved_is_the_driver(after, driver):
    assert main_driver(parts(before=Factors(100, 500, 0.001), after=after)) is driver


def test_a_shift_that_costs_nothing_has_parts_that_cancel():
    found = parts(before=Factors(100, 500, 0.001), after=Factors(200, 250, 0.001))
    assert sum(found.values()) == pytest.approx(0)
    assert found[Driver.REQUESTS] == pytest.approx(50 * 0.6931, rel=1e-3)


def test_spend_out_of_nothing_is_requests():
    assert parts(before=Factors(0, 0, 0), after=Factors(10, 100, 0.01)) == {
        Driver.REQUESTS: 10.0,
        Driver.TOKENS_PER_REQUEST: 0.0,
        Driver.PRICE: 0.0,
    }


def test_the_logarithmic_mean_lies_between():
    assert logarithmic_mean(100, 50) == pytest.approx(72.13, abs=0.01)
    assert logarithmic_mean(7, 7) == 7
