"""OpenSLO's worked example of its three budgeting methods, the SRE workbook's numbers, and what must hold for any history."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sloengine.budgets.budget import budget
from sloengine.budgets.burnrate import Reason, Windows, verdicts
from sloengine.budgets.windows import Tier, parse, shipped, table, tiers, tiers_of, use
from sloengine.objectives.terms import Alerting, BurnAlert

TWO_WEEKS = timedelta(days=14)
MONTH = timedelta(days=30)


def spent(*, bad, total, slice_seconds=None, target="0.95", **more):
    found = budget(
        target=Decimal(target), window=TWO_WEEKS, bad=bad, total=total, covered_seconds=TWO_WEEKS.total_seconds(),
        slice_seconds=slice_seconds, burn_rate=None, firing=False, **more,
    )  # fmt: skip
    return found.spent_ratio


# examples/budgeting-method of OpenSLO: 24,000 requests a day, 99 % usually good, 1 % during an attack, 95 % promised over 2 weeks.
REQUESTS, SLICES = 24_000 * 14, 14 * 1440


@pytest.mark.parametrize(
    ("bad", "total", "slice_seconds", "expected"),
    [
        # 16,800 attacked requests fail 16,632 times, which is 99 % of the 16,800 failures that are allowed.
        (16_632, REQUESTS, None, 0.99),
        (16_800, REQUESTS, None, 1.0),
        # 16 h 48 min are the 1,008 bad minutes of 20,160 that are allowed.
        (16 * 60 + 48, SLICES, 60, 1.0),
        # A minute under attack is 0.99 bad, any other 0.01: 13 h 43 min spend it ("about 13 hours and 45 minutes").
        (823 * 0.99 + (SLICES - 823) * 0.01, SLICES, 60, 1.0001),
        (825 * 0.99 + (SLICES - 825) * 0.01, SLICES, 60, 1.0021),
    ],
    ids=["occurrences", "occurrences, all of it", "timeslices", "ratio timeslices", "as OpenSLO rounds it"],
)
def test_openslo_worked_examples(bad, total, slice_seconds, expected):
    assert spent(bad=bad, total=total, slice_seconds=slice_seconds) == pytest.approx(expected, abs=5e-5)


@pytest.mark.parametrize(
    ("target", "error_rate", "hours"),
    # SRE workbook, chapter 5: 99.9 % over 30 days. 1,000 times burns it in 43 min, 10 times in 3 days, 1 time in 30 days.
    [("0.999", 1.0, 0.72), ("0.999", 0.01, 72), ("0.999", 0.002, 360), ("0.999", 0.001, 720)],
)
def test_workbook_times_to_exhaustion(target, error_rate, hours):
    rate = error_rate / float(1 - Decimal(target))
    assert MONTH.total_seconds() / rate / 3600 == pytest.approx(hours)


def test_adjusting_gives_back_a_share_of_the_whole_budget():
    assert spent(bad=504, total=SLICES, slice_seconds=60, adjusted_ratio=0.25) == pytest.approx(0.25)


def test_excluded_time_allows_nothing():
    half = TWO_WEEKS.total_seconds() / 2
    assert spent(bad=504, total=SLICES / 2, slice_seconds=60, excluded_seconds=half) == pytest.approx(1.0)


def one(bad, total, lengths=(300, 3600)):
    shape = (1, len(lengths))
    return Windows(
        tuple(lengths), np.full(shape, float(bad)), np.full(shape, float(total)), np.array([lengths], float), np.zeros(shape),
        np.array([30 * 86400.0]),
    )  # fmt: skip


def reason(windows, tier, *, target=0.999, failures=1.0, events=0.0):
    ((verdict,),) = verdicts(
        windows=windows, budget=np.array([1 - target]), tiers=[tier], minimum_failures=np.array([failures]), tick_seconds=30,
        minimum_events=np.array([events]),
    )  # fmt: skip
    return verdict.reason


ABOVE = Tier("t", "page", 3600, 300, 10.0)
AT = Tier("t", "page", 3600, 300, 10.0, inclusive=True)


@pytest.mark.parametrize(
    ("tier", "bad", "expected"),
    [
        (ABOVE, 500, Reason.WITHIN_BUDGET),
        (ABOVE, 501, Reason.BURNING),
        (AT, 500, Reason.BURNING),
        (AT, 499, Reason.WITHIN_BUDGET),
    ],
    ids=["10 is not above 10", "10.02 is", "10 is at 10", "9.98 is not"],
)
def test_above_is_not_at(tier, bad, expected):
    """A budget of 1/32 is exact in binary: 500 of 1,600 burn at 10."""
    assert reason(one(bad, 1600), tier, target=1 - 1 / 32) is expected


@pytest.mark.parametrize(
    ("tier", "expected"),
    [
        (Tier("t", "page", 3600, 300, 2.0), Reason.CANNOT_FIRE),
        (Tier("t", "page", 3600, 300, 2.0, True), Reason.BURNING),
    ],
)
def test_at_the_edge_only_an_inclusive_tier_can_fire(tier, expected):
    """All bad at a target of 50 % burns at exactly 2."""
    assert reason(one(1000, 1000), tier, target=0.5) is expected


@pytest.mark.parametrize(("events", "expected"), [(1001.0, Reason.TOO_LITTLE_TRAFFIC), (1000.0, Reason.BURNING)])
def test_little_traffic_wakes_nobody_where_that_is_asked(events, expected):
    assert reason(one(500, 1000), ABOVE, events=events) is expected


def test_alerts_are_the_tables_some_of_it_ones_own_or_none():
    assert tiers_of(period=MONTH, alerting=Alerting()) == tiers(period=MONTH)
    assert [tier.name for tier in tiers_of(period=MONTH, alerting=Alerting(tiers=("slow",)))] == ["slow"]
    own = BurnAlert("mine", "ticket", 7200, 600, 2.5, hold_seconds=300)
    assert tiers_of(period=MONTH, alerting=Alerting(alerts=(own,))) == (
        Tier("mine", "ticket", 7200, 600, 2.5, False, 300),
    )
    assert tiers_of(period=MONTH, alerting=Alerting(enabled=False)) == ()


def test_another_table_may_be_used():
    text = (
        "compare: '>='\ntiers: [{name: only, severity: page, long: 1h, short: 5m, spends: '0.02'}]\nclear_after: 5m\n"
    )
    text += "sustained: {name: s, severity: page, slices: 5}\nminimum_failures: {occurrences: 1, timeslices: 1, ratio_timeslices: 1}\n"
    use(parse(text))
    try:
        assert [(tier.name, tier.inclusive) for tier in tiers(period=MONTH)] == [("only", True)]
    finally:
        use(None)
    assert table() is shipped()
    assert len(tiers(period=MONTH)) == 4


COUNTS = st.lists(st.tuples(st.integers(0, 50), st.integers(0, 50)), min_size=2, max_size=24)


@given(COUNTS, st.data())
@settings(max_examples=60, deadline=None)
def test_any_split_of_ticks_gives_the_same_windows(history, data):
    """Prefix sums: whether 12 readings come one by one or in any grouping, a window between two kept instants is the same."""
    kept = sorted({0, len(history), *data.draw(st.lists(st.integers(0, len(history)), max_size=6))})
    good = np.concatenate([[0.0], np.cumsum([float(min(a, b)) for a, b in history])])
    total = np.concatenate([[0.0], np.cumsum([float(max(a, b)) for a, b in history])])
    for start in kept:
        for end in [edge for edge in kept if edge >= start]:
            between = slice(start, end)
            assert good[end] - good[start] == sum(min(a, b) for a, b in history[between])
            assert total[end] - total[start] == sum(max(a, b) for a, b in history[between])


@given(
    st.integers(0, 1000), st.integers(1, 1000), st.sampled_from([2.0, 8.0, 1024.0]), st.sampled_from([0.9, 0.99, 0.999])
)
@settings(max_examples=80, deadline=None)
def test_scaling_counts_scales_nothing(bad, total, factor, target):
    bad = min(bad, total)
    plain, scaled = one(bad, total), one(bad * factor, total * factor)
    assert reason(plain, ABOVE, target=target, failures=0.0) is reason(scaled, ABOVE, target=target, failures=0.0)
    before = spent(bad=bad, total=total, target=str(target))
    assert spent(bad=bad * factor, total=total * factor, target=str(target)) == pytest.approx(before)


def test_no_month_is_thirty_days_of_a_calendar():
    """The same 100 bad minutes spend less of a budget that is measured in a longer month."""
    figures = {"target": Decimal("0.999"), "bad": 100.0, "total": 40_000.0, "covered_seconds": 12 * 86400.0, "slice_seconds": 60,
               "burn_rate": None, "firing": False}  # fmt: skip
    long, short = (budget(window=timedelta(days=days), elapsed=timedelta(days=12), **figures) for days in (31, 28))  # type: ignore[arg-type]
    assert [long.allowed, short.allowed] == pytest.approx([44.64, 40.32])
    assert not long.partial
