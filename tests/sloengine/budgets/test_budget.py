"""Budgets with worked numbers, the policy of R12, timeslices and the steps of a finding."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sloengine.budgets.budget import BudgetState, budget, time_to_exhaustion
from sloengine.budgets.findings.steps import (
    Condition,
    Episode,
    Minute,
    Standing,
    Step,
    answered,
    impact_start,
    merged,
    next_step,
)
from sloengine.budgets.policy import FREE, PolicyReason, advise_traffic, decide
from sloengine.budgets.slices import Counters, Coverage, Judgement, accumulate, boundary, judge, ticks_between

MONTH = timedelta(days=30)
NOON = datetime(2026, 11, 17, 12, 0, tzinfo=UTC)
CLEAR = timedelta(minutes=5)


def at(minutes: float) -> datetime:
    return NOON + timedelta(minutes=minutes)


def of(**given):
    fields = {"target": Decimal("0.999"), "window": MONTH, "bad": 0.0, "total": 0.0, "covered_seconds": MONTH.total_seconds(),
              "slice_seconds": None, "burn_rate": None, "firing": False}  # fmt: skip
    return budget(**{**fields, **given})


@pytest.mark.parametrize(
    ("given", "allowed", "spent"),
    [
        ({"bad": 200.0, "total": 1e6}, 1000, 0.2),
        ({"target": Decimal("0.995"), "slice_seconds": 60, "bad": 5.0, "total": 600.0}, 216, 5 / 216),
        (
            {"target": Decimal("0.95"), "window": timedelta(days=14), "bad": 16632.0, "total": 14 * 24000 * 0.99},
            16632,
            1.0,
        ),
    ],
    ids=[
        "200 of 1,000 failures",
        "5 of 216 bad minutes in a fleet's first day",
        "OpenSLO's attack: 16,632 failures are the budget",
    ],
)
def test_spent(given, allowed, spent):
    result = of(**given)
    assert result.allowed == pytest.approx(allowed)
    assert result.spent_ratio == pytest.approx(spent)
    assert result.remaining_ratio == pytest.approx(1 - spent)


@pytest.mark.parametrize(
    ("given", "state"),
    [
        ({"covered_seconds": 0.0}, BudgetState.NO_DATA),
        ({}, BudgetState.ZERO_TRAFFIC),
        ({"slice_seconds": 60}, BudgetState.ZERO_TRAFFIC),
        ({"total": 10.0, "bad": 10.0}, BudgetState.EXHAUSTED),
        ({"total": 1000.0, "bad": 0.5}, BudgetState.WARNING),
        ({"total": 1000.0, "bad": 0.1}, BudgetState.OK),
        ({"total": 1000.0, "bad": 0.1, "firing": True}, BudgetState.BURNING),
    ],
    ids=["no data", "zero traffic", "zero traffic in slices", "all bad", "half spent", "a tenth spent", "a page fires"],
)
def test_states_stay_apart(given, state):
    assert of(**given).state is state


def test_two_percent_in_an_hour_leaves_fifty_hours():
    assert time_to_exhaustion(window=MONTH, remaining_ratio=1.0, burn_rate=14.4) == timedelta(hours=50)
    left = time_to_exhaustion(window=MONTH, remaining_ratio=0.806, burn_rate=20.0)
    assert left is not None
    assert left / timedelta(hours=1) == pytest.approx(29, abs=0.1)


@pytest.mark.parametrize(("rate", "left"), [(None, None), (0.0, None), (1.0, None)])
def test_a_pace_that_is_allowed_exhausts_nothing(rate, left):
    assert time_to_exhaustion(window=MONTH, remaining_ratio=0.5, burn_rate=rate) is left


def test_a_spent_budget_is_exhausted_now():
    assert time_to_exhaustion(window=MONTH, remaining_ratio=-0.1, burn_rate=0.0) == timedelta(0)


@pytest.mark.parametrize(
    ("spent", "step", "reason"),
    [
        (None, FREE, PolicyReason.UNKNOWN), (0.0, FREE, PolicyReason.ROOM),
        (0.4999, FREE, PolicyReason.ROOM),
        (0.5, "review", PolicyReason.REACHED), (0.75, "canary only", PolicyReason.REACHED),
        (1.0, "freeze", PolicyReason.REACHED), (3.0, "freeze", PolicyReason.REACHED),
    ],
)  # fmt: skip
def test_spent_shares_govern_change(spent, step, reason):
    decision = decide(spent_ratio=spent)
    assert (decision.step, decision.reason) == (step, reason)


def test_burn_rates_govern_traffic():
    assert advise_traffic(burning=["page"]).protect
    assert not advise_traffic(burning=["ticket"]).protect


@pytest.mark.parametrize(
    ("numerator", "denominator", "covered", "judgement"),
    [
        (95, 100, 60, Judgement.GOOD), (94, 100, 60, Judgement.BAD), (0, 100, 60, Judgement.BAD), (0, 0, 60, Judgement.ZERO_TRAFFIC),
        (0, 0, 0, Judgement.NO_DATA), (19, 20, 60, Judgement.GOOD),
    ],
    ids=["95 of 100", "94 of 100", "all bad", "zero traffic", "no data", "19 of 20"],
)  # fmt: skip
def test_a_slice_is_judged(numerator, denominator, covered, judgement):
    assert judge(numerator=numerator, denominator=denominator, covered_seconds=covered, slice_target=0.95) is judgement


@given(st.integers(1, 10**6), st.sampled_from([0.9, 0.95, 0.99, 0.999]))
def test_exactly_the_target_is_good(hundreds, share):
    total = hundreds * 1000
    assert (
        judge(numerator=round(total * share), denominator=total, covered_seconds=60, slice_target=share)
        is Judgement.GOOD
    )


def steps_of(*minutes: tuple[float, float, float]) -> list[Counters]:
    """Cumulative counters at 12:01, 12:02, ... of (within, requests, seconds with data) a minute."""
    result, total = [], [0.0, 0.0, 0.0]
    for index, amounts in enumerate(minutes, 1):
        total = [before + amount for before, amount in zip(total, amounts, strict=True)]
        result.append(Counters(at(index), *total))
    return result


def test_slices_are_counted_once_each_and_empty_ones_not_at_all():
    steps = steps_of((99, 100, 60), (10, 100, 60), (0, 0, 60), (0, 0, 0), (100, 100, 60))
    counted = accumulate(
        anchor=Counters(NOON, 0, 0, 0), steps=steps, slice_seconds=60, slice_target=0.95, good=0, total=0
    )
    assert counted == [(1, 1), (1, 2), (1, 2), (1, 2), (2, 3)]


def test_half_a_slice_waits_for_its_end():
    half = Counters(at(0.5), 0, 50, 30)
    whole = Counters(at(1), 50, 100, 60)
    counted = accumulate(
        anchor=Counters(NOON, 0, 0, 0), steps=[half, whole], slice_seconds=60, slice_target=0.5, good=7, total=8
    )
    assert counted == [(7, 8), (8, 9)]


@given(st.lists(st.tuples(st.integers(0, 100), st.integers(0, 100)), min_size=1, max_size=30), st.integers(1, 29))
def test_any_split_of_the_ticks_counts_the_same_slices(minutes, cut):
    steps = steps_of(*[(min(good, total), total, 60.0) for good, total in minutes])
    start = Counters(NOON, 0, 0, 0)
    whole = accumulate(anchor=start, steps=steps, slice_seconds=60, slice_target=0.95, good=0, total=0)
    first = accumulate(anchor=start, steps=steps[:cut], slice_seconds=60, slice_target=0.95, good=0, total=0)
    anchor, (good, total) = (steps[cut - 1], first[-1]) if cut <= len(steps) else (steps[-1], first[-1])
    rest = accumulate(anchor=anchor, steps=steps[cut:], slice_seconds=60, slice_target=0.95, good=good, total=total)
    assert first + rest == whole


def test_an_hour_kept_as_a_whole_counts_as_sixty_slices():
    hour = Counters(at(60), 990, 1000, 3600)
    assert accumulate(
        anchor=Counters(NOON, 0, 0, 0), steps=[hour], slice_seconds=60, slice_target=0.95, good=0, total=0
    ) == [(60, 60)]


def test_coverage_bridges_short_gaps_and_not_long_ones():
    last = Coverage(NOON, 0, None, 0.0)
    for minutes, readings in ((0.5, 1), (1, 2), (1.5, 2), (2, 3), (7, 4), (127, 5)):
        last = last.next(at=at(minutes), readings=readings)
    assert last.seconds == 30 + 30 + 60 + 300 + max(120 * 60, 300)
    fine = Coverage(at(126.5), 4, at(7), 420.0).next(at=at(127), readings=5)
    assert fine.seconds == 420 + 300, "two hours without a reading are an absence"


def test_ticks_follow_the_tiers():
    ticks = ticks_between(start=NOON - timedelta(days=10), end=NOON, now=NOON)
    gaps = {(after - before).total_seconds() for before, after in pairwise(ticks)}
    assert gaps == {30, 300, 3600}
    assert ticks[-1] == NOON
    assert ticks_between(start=NOON, end=NOON, now=NOON) == []
    assert boundary(at(1.5), slice_seconds=60) == at(1)


@pytest.mark.parametrize(
    ("condition", "quiet", "step"),
    [
        (Condition.TRUE, "none", Step.OPEN), (Condition.FALSE, "none", Step.NOTHING), (Condition.UNKNOWN, "none", Step.NOTHING),
        (Condition.TRUE, None, Step.HOLD), (Condition.TRUE, 3, Step.LOUD), (Condition.UNKNOWN, 9, Step.HOLD),
        (Condition.FALSE, None, Step.QUIET), (Condition.FALSE, 4.9, Step.HOLD), (Condition.FALSE, 5, Step.CLEAR),
    ],
    ids=[
        "opens", "nothing", "unknown opens nothing", "holds", "loud again", "unknown clears nothing", "falls quiet", "waits",
        "clears after 5 min",
    ],
)  # fmt: skip
def test_steps_of_a_finding(condition, quiet, step):
    standing = None if quiet == "none" else Standing(None if quiet is None else NOON - timedelta(minutes=quiet))
    assert next_step(condition=condition, standing=standing, now=NOON, clear_after=CLEAR) is step


@pytest.mark.parametrize(
    ("minutes", "first"),
    [
        ([False, False, True, True], 2), ([True, True, False, True], 0), ([True, False, False, False, True], 4), ([False, False], None),
        ([True, None, True], 0), ([True, True, False], 0), ([True, False, False, False], 0),
    ],
    ids=[
        "two bad minutes", "one good in between", "three good in between end it", "none", "an empty one in between", "just ended",
        "the last there was",
    ],
)  # fmt: skip
def test_impact_begins_with_the_first_bad_minute(minutes, first):
    found = impact_start([Minute(at(index), bad) for index, bad in enumerate(minutes)])
    assert found == (None if first is None else at(first))


def test_overlapping_episodes_are_one():
    one, other, apart = Episode(at(0), at(10), 8), Episode(at(5), at(15), 10), Episode(at(60), at(70), 3)
    assert merged([other, apart, one]) == [Episode(at(0), at(15), 10), apart]
    assert answered([one, other, apart], since=at(20)) == 3
    assert answered([one, other, apart], since=at(14)) == 13
