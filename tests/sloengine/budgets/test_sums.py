"""Sums of many objectives at once are what each of them alone is counted by, and a row gives back what was put into it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from sloengine.budgets.burnrate import Windows, verdicts
from sloengine.budgets.burns.loud import may_burn, only
from sloengine.budgets.slices import Counters, Coverage, accumulate
from sloengine.budgets.tallies import sums
from sloengine.budgets.windows import tiers

NOON = datetime(2026, 11, 17, 12, 0, tzinfo=UTC)


@settings(deadline=None, max_examples=60)
@given(arrays.arrays(np.float64, st.tuples(st.just(sums.COLUMNS), st.integers(1, 70)), elements=st.floats(width=64)))
def test_a_row_gives_back_what_was_put_into_it(matrix):
    back = sums.read(sums.written(matrix))
    assert back.tobytes() == matrix.tobytes()


def test_a_row_of_a_later_version_is_refused():
    with pytest.raises(ValueError, match="written as 9, expected 1"):
        sums.read(b"\x09\x01\x00")


def test_the_row_of_a_full_block_is_small():
    random = np.random.default_rng(1)
    matrix = np.zeros((sums.COLUMNS, sums.BLOCK_SIZE))
    matrix[sums.DENOMINATOR] = random.integers(1_000_000, 10_000_000, sums.BLOCK_SIZE)
    matrix[sums.NUMERATOR] = matrix[sums.DENOMINATOR] - random.integers(0, 5000, sums.BLOCK_SIZE)
    matrix[sums.GOOD], matrix[sums.TOTAL] = matrix[sums.NUMERATOR], matrix[sums.DENOMINATOR]
    assert len(sums.written(matrix)) < 7 * sums.BLOCK_SIZE, "of 56 bytes an objective"


@st.composite
def readings(draw):
    """Ticks 30 s apart, some of them missing: what was added to numerator and denominator, and whether anything was read."""
    steps = draw(st.lists(st.integers(1, 20), min_size=2, max_size=25))
    return [(step, draw(st.integers(0, 9)), draw(st.integers(0, 9)), draw(st.booleans())) for step in steps]


@settings(deadline=None, max_examples=120)
@given(
    st.lists(st.tuples(st.sampled_from([0, 60, 300]), st.sampled_from([0.5, 0.95, None])), min_size=1, max_size=4),
    readings(),
)
def test_all_at_once_count_as_each_alone(rules, history):
    """Against the rules for one objective (`slices.Coverage`, `slices.accumulate`), tick by tick."""
    how = sums.Rules(
        np.array([seconds for seconds, _ in rules], np.int64),
        np.array([np.nan if target is None else target for _, target in rules]),
    )
    count = len(rules)
    zero = np.zeros(count)
    last = sums.began(numerator=zero, denominator=zero, readings=zero, rules=how)
    boundary, at = last, NOON
    seen = 0.0
    coverage = Coverage(NOON, 0.0, None, 0.0)
    steps = []
    totals = np.zeros(2)
    for ticks, good, bad, read in history:
        before, at = at, at + timedelta(seconds=30 * ticks)
        totals += (good, good + bad) if read else (0, 0)
        seen += read
        last, boundary = sums.advance(
            last, boundary, before=before.timestamp(), at=at.timestamp(), numerator=np.full(count, totals[0]),
            denominator=np.full(count, totals[1]), readings=np.full(count, seen), rules=how,
        )  # fmt: skip
        coverage = coverage.next(at=at, readings=seen)
        steps.append(Counters(at, float(totals[0]), float(totals[1]), coverage.seconds))
    for index, (seconds, target) in enumerate(rules):
        assert last[sums.COVERED, index] == coverage.seconds
        if seconds and target is not None:
            counted = accumulate(
                anchor=Counters(NOON, 0, 0, 0), steps=steps, slice_seconds=seconds, slice_target=target, good=0, total=0
            )[-1]
            assert (last[sums.GOOD, index], last[sums.TOTAL, index]) == counted
        elif not seconds:
            assert tuple(last[[sums.GOOD, sums.TOTAL], index]) == tuple(totals)
        else:
            assert 0 <= last[sums.GOOD, index] <= last[sums.TOTAL, index]


def test_a_slice_without_a_target_is_as_good_as_its_ratio():
    how = sums.Rules(np.array([60], np.int64), np.array([np.nan]))
    first = sums.began(numerator=np.zeros(1), denominator=np.zeros(1), readings=np.zeros(1), rules=how)
    now, _ = sums.advance(
        first, first, before=0.0, at=60.0, numerator=np.array([94.0]), denominator=np.array([100.0]),
        readings=np.array([1.0]), rules=how,
    )  # fmt: skip
    assert (now[sums.GOOD, 0], now[sums.TOTAL, 0]) == (pytest.approx(0.94), 1)


SECONDS = tuple(
    sorted({length for tier in tiers(period=timedelta(days=30)) for length in (tier.long_seconds, tier.short_seconds)})
)
MATRIX = arrays.arrays(np.float64, (6, len(SECONDS)), elements=st.floats(0, 1000))


@settings(deadline=None, max_examples=80)
@given(MATRIX, MATRIX, arrays.arrays(np.float64, 6, elements=st.sampled_from([0.001, 0.01, 0.5])))
def test_whoever_burns_is_looked_at_closely(bad, good, budget):
    chosen = tiers(period=timedelta(days=30))
    windows = Windows(SECONDS, bad, bad + good, bad + good + 1, np.zeros(bad.shape), np.full(6, 1e9))
    loud = may_burn(windows, budget=budget, tiers=chosen)
    judged = verdicts(windows=windows, budget=budget, tiers=chosen, minimum_failures=np.zeros(6), tick_seconds=30)
    burning = np.array([any(verdict.burning for verdict in row) for row in judged])
    assert not (burning & ~loud).any()
    some = np.flatnonzero(loud)
    again = verdicts(
        windows=only(windows, some), budget=budget[some], tiers=chosen, minimum_failures=np.zeros(len(some)), tick_seconds=30
    ) if len(some) else []  # fmt: skip
    assert again == [judged[row] for row in some]
