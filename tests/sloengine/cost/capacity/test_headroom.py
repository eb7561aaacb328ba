"""When do we run out, and what does one more replica buy: from a measured curve alone, never from one that is made up."""

from __future__ import annotations

from datetime import date, timedelta
from fractions import Fraction
from typing import Any

import pytest

from sloengine.cost.capacity import telling
from sloengine.cost.capacity.headroom import BadTarget, Capacity, Saturation, saturation, target_of
from sloengine.cost.forecast.ahead import Ahead, Forecast, State, forecast
from sloengine.cost.whatif.curve import SIMULATED, Curve

DAY = date(2026, 11, 22)
RISING = Forecast(
    State.KNOWN, 56, 0,
    tuple(
        Ahead(DAY + timedelta(days=number), 90.0 + number, 100.0 + number, 120.0 + number, 0.0, 0.0, 0.0)
        for number in range(1, 91)
    ),
)  # fmt: skip


def made(**given) -> Capacity:
    """Two replicas of 100 tokens/s each, filled to 70 %: 140."""
    fields: dict[str, Any] = {
        "service": "chat", "replicas": 2, "saturation": Saturation(100.0, True), "peak": 98.0, "peaks": RISING,
        "usd_per_replica_month": Fraction(5000),
    } | given  # fmt: skip
    return Capacity(**fields)


def test_queueing_begins_where_latency_is_half_as_long_again():
    found = saturation(Curve(((10.0, 100.0), (50.0, 120.0), (70.0, 180.0))))
    assert found is not None
    assert found.seen
    assert found.load == pytest.approx(60)


def test_where_load_never_came_near_it_there_is_a_lower_bound_alone():
    found = saturation(Curve(((10.0, 100.0), (50.0, 120.0))))
    assert found == Saturation(50.0, False)
    one = made(saturation=found)
    assert (one.headroom, one.runs_out(), one.runs_out(upper=True), one.days_bought) == (None, None, None, None)
    assert telling.headline(one) == "Queueing was not seen yet: a replica of chat carries at least 50 tokens/s"
    assert telling.one_more(one).startswith("One more replica buys at least 35 tokens/s at 70 % of saturation;")


def test_the_simulated_curve_is_nobodys_saturation():
    assert saturation(SIMULATED) is None
    assert saturation(None) is None
    assert telling.headline(made(saturation=None)) == "Not measured yet: what a replica of chat carries"


def test_it_runs_out_on_the_first_day_whose_peak_is_more_than_is_carried():
    one = made()
    assert one.carried == pytest.approx(140)
    assert one.headroom == pytest.approx(0.3)
    assert one.runs_out() == DAY + timedelta(days=41)
    assert one.runs_out(upper=True) == DAY + timedelta(days=21)
    assert telling.headline(one) == "chat runs out on 2 Jan 2027, at the earliest on 13 Dec 2026"
    assert one.lasts_with_one_more
    assert telling.one_more(one) == (
        "One more replica buys 70 tokens/s at 70 % of saturation and the rest of the quarter; for 5,000.00 USD a month."
    )


def test_one_more_replica_buys_days():
    one = made(saturation=Saturation(50.0, True), target=1.0, replicas=3, usd_per_replica_month=None)  # 150, then 200
    assert made(saturation=Saturation(30.0, True), target=1.0, replicas=4).days_bought == 30  # 120, then 150
    assert one.days_bought is None
    assert "its price is unknown" in telling.one_more(one)


def test_what_is_passed_lasts_or_is_not_known_is_said():
    assert "past its capacity: the last peak filled 143 % of it" in telling.headline(made(peak=200.0))
    assert telling.headline(made(replicas=9)) == "chat lasts the quarter"
    assert telling.headline(made(replicas=None)) == "How many replicas serve chat is not known"
    little = forecast({DAY: 5.0}, last=DAY)
    assert "not enough history: 1 closed days, 13 more" in telling.headline(made(peaks=little))


def test_a_target_is_per_cent():
    assert (target_of(""), target_of("55 %"), target_of("100")) == (0.7, 0.55, 1.0)
    for wrong in ("0", "101", "much", "nan"):
        with pytest.raises(BadTarget, match="expected per cent from 1 to 100"):
            target_of(wrong)


def test_the_picture_reads_in_the_unit_that_it_names():
    text = telling.picture({DAY: 500_000.0}, forecast({DAY: 5.0}, last=DAY), title="Tokens a day", unit="tokens")
    assert "Tokens a day over 24 h: last 500 k tokens" in text
