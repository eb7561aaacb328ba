"""Numbers of the SRE workbook (chapter 5) and of OpenSLO's budgeting examples, as tables."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sloengine.budgets.burnrate import Reason, Windows, burn_rates, can_fire, unreachable_notice, verdicts
from sloengine.budgets.windows import Tier, parse, seconds, table, tiers

MONTH = timedelta(days=30)
FAST, SLOW, DAY, DRIP = tiers(period=MONTH)


def one(*, bad, total, covered=None, answered=0.0, age=30 * 86400.0, lengths=(300, 3600)):
    """Windows of one objective: the same figures in each window, or one a window."""
    row = [np.broadcast_to(np.array(value, dtype=float), (1, len(lengths))).copy() for value in (bad, total)]
    cover = (
        np.array([lengths], dtype=float)
        if covered is None
        else np.broadcast_to(np.array(covered, float), (1, len(lengths)))
    )
    return Windows(tuple(lengths), row[0], row[1], cover, np.full((1, len(lengths)), float(answered)), np.array([age]))


def judge(windows, *, target=0.999, tier=FAST, least=1.0):
    ((verdict,),) = verdicts(
        windows=windows,
        budget=np.array([1 - target]),
        tiers=[tier],
        minimum_failures=np.array([least]),
        tick_seconds=30,
    )
    return verdict


@pytest.mark.parametrize(
    ("days", "factors"),
    [(30, [14.4, 6, 3, 1]), (28, [13.44, 5.6, 2.8, 0.9333333333333333]), (7, [3.36, 1.4, 0.7, 0.23333333333333334])],
    ids=["30 days, the workbook's table", "28 days, as Sloth's golden file has it", "7 days"],
)
def test_factors_rescale_with_the_period(days, factors):
    assert [tier.factor for tier in tiers(period=timedelta(days=days))] == pytest.approx(factors, rel=1e-12)


def test_windows_are_the_workbooks():
    assert [(tier.name, tier.severity, tier.long_seconds, tier.short_seconds) for tier in tiers(period=MONTH)] == [
        ("fast", "page", 3600, 300),
        ("slow", "page", 21600, 1800),
        ("day", "ticket", 86400, 7200),
        ("drip", "ticket", 259200, 21600),
    ]


def test_a_window_as_long_as_the_period_is_left_out():
    assert [tier.name for tier in tiers(period=timedelta(hours=12))] == ["fast", "slow"]


@pytest.mark.parametrize(
    ("bad", "total", "budget", "rate"),
    [(15, 1000, 0.001, 15.0), (1, 1000, 0.001, 1.0), (5, 60, 0.005, 16.666666666666668), (0, 10, 0.001, 0.0)],
    ids=["15 of 1,000 at 99.9 %", "exactly the allowed pace", "the 5th bad minute of an hour at 99.5 %", "nothing bad"],
)
def test_burn_rate(bad, total, budget, rate):
    rates = burn_rates(bad=np.array([[float(bad)]]), total=np.array([[float(total)]]), budget=np.array([budget]))
    assert rates[0, 0] == pytest.approx(rate)


@pytest.mark.parametrize(
    ("windows", "target", "reason"),
    [
        (one(bad=15, total=1000), 0.999, Reason.BURNING),
        (one(bad=14.4, total=1000), 0.999, Reason.WITHIN_BUDGET),
        (one(bad=[0, 150], total=[1000, 10000]), 0.999, Reason.WITHIN_BUDGET),
        (one(bad=[15, 15], total=[1000, 10000]), 0.999, Reason.WITHIN_BUDGET),
        (one(bad=0, total=0), 0.999, Reason.ZERO_TRAFFIC),
        (one(bad=0, total=0, covered=0), 0.999, Reason.NO_DATA),
        (one(bad=50, total=50), 0.999, Reason.BURNING),
        (one(bad=50, total=50), 0.93, Reason.CANNOT_FIRE),
        (one(bad=15, total=1000, age=240), 0.999, Reason.TOO_YOUNG),
    ],
    ids=[
        "15 x in both windows", "14.4 x is not above 14.4 x", "the short window is over", "the long window is not there yet",
        "zero traffic", "no data", "all bad", "all bad at 93 %", "four minutes old",
    ],
)  # fmt: skip
def test_reasons(windows, target, reason):
    assert judge(windows, target=target).reason is reason


def test_a_fleet_ten_minutes_old_alerts_on_what_there_is_and_says_so():
    verdict = judge(one(bad=[20, 40], total=[500, 1000], covered=[300, 600], age=600))
    assert verdict.reason is Reason.BURNING
    assert verdict.partial


@pytest.mark.parametrize(("failures", "reason"), [(2, Reason.TOO_FEW_FAILURES), (5, Reason.BURNING)])
def test_two_failures_at_night_wake_nobody(failures, reason):
    assert judge(one(bad=failures, total=20), least=5).reason is reason


def test_what_was_paged_is_not_alerted_again_by_a_slower_tier():
    lengths = (300, 1800, 3600, 21600)
    sums = one(bad=100, total=1000, answered=100, lengths=lengths)
    ((fast, slow),) = verdicts(
        windows=sums, budget=np.array([0.001]), tiers=[FAST, SLOW], minimum_failures=np.array([1.0]), tick_seconds=30
    )
    assert (fast.reason, slow.reason) == (Reason.BURNING, Reason.ANSWERED)


@pytest.mark.parametrize(
    ("target", "factor", "fires"),
    [(0.9306, 14.4, True), (0.9305, 14.4, False), (0.8334, 6, True), (0.8333, 6, False)],
    ids=["93.06 %", "93.05 %", "83.34 %", "83.33 %"],
)
def test_a_tier_that_cannot_fire_is_known(target, factor, fires):
    assert can_fire(factor=factor, budget=1 - target) is fires


def test_it_is_dropped_with_a_notice():
    assert unreachable_notice(tiers=(FAST, SLOW), budget=0.07).endswith("fast (14.4 x).")
    assert unreachable_notice(tiers=(FAST, SLOW), budget=0.001) == ""


@given(
    bad=st.lists(st.floats(0, 1e6), min_size=2, max_size=2),
    good=st.lists(st.floats(1, 1e6), min_size=2, max_size=2),
    scale=st.sampled_from([2.0, 4.0, 1024.0]),
)
def test_scaling_every_count_scales_nothing(bad, good, scale):
    total = [a + b for a, b in zip(bad, good, strict=True)]
    plain, scaled = (judge(one(bad=np.array(bad) * s, total=np.array(total) * s), least=0.0) for s in (1.0, scale))
    assert plain.reason == scaled.reason
    assert plain.burn_long == pytest.approx(scaled.burn_long)


@given(bad=st.floats(0, 1000), more=st.floats(0, 1000))
def test_more_failures_never_burn_slower(bad, more):
    less, most = (judge(one(bad=value, total=5000), least=0.0).burn_long for value in (bad, bad + more))
    assert less <= most


def test_many_objectives_are_judged_at_once():
    lengths = tuple(
        sorted({length for tier in tiers(period=MONTH) for length in (tier.long_seconds, tier.short_seconds)})
    )
    rng = np.random.default_rng(1)
    total = rng.integers(1, 1000, (1000, len(lengths))).astype(float)
    sums = Windows(lengths, total * 0.5, total, np.full(total.shape, 1e6), np.zeros(total.shape), np.full(1000, 1e7))
    result = verdicts(
        windows=sums,
        budget=np.full(1000, 0.001),
        tiers=tiers(period=MONTH),
        minimum_failures=np.zeros(1000),
        tick_seconds=30,
    )
    assert len(result) == 1000
    assert all(verdict.burning for row in result for verdict in row)


@pytest.mark.parametrize(("text", "value"), [("5m", 300), ("6h", 21600), ("3d", 259200)])
def test_durations_are_read(text, value):
    assert seconds(text) == value


@pytest.mark.parametrize("text", ["", "m", "5", "5w", "-5m", "5.5h"])
def test_other_durations_are_refused(text):
    with pytest.raises(ValueError, match="expected minutes, hours or days"):
        seconds(text)


def test_a_table_that_compares_otherwise_is_refused():
    with pytest.raises(ValueError, match="expected '>'"):
        parse("compare: '=='\ntiers: []")


def test_the_table_states_its_guards():
    assert table().minimum_failures == {"occurrences": 5, "timeslices": 3, "ratio_timeslices": 3}
    assert table().clear_after == timedelta(minutes=5)
    assert (table().sustained.slices, table().sustained.severity) == (5, "page")


def test_tiers_know_their_severity():
    assert isinstance(DAY, Tier)
    assert {tier.severity for tier in (DAY, DRIP)} == {"ticket"}
