"""After the window difference: composites, slices that could not be judged, signals that are absent."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sloengine.budgets.counting.composite import Parts, composed
from sloengine.budgets.counting.missing import Presence, Treated, absent, treated
from sloengine.objectives.terms import Combine, Missing, Treatment


def whole(parts, *, weights=(3.0, 1.0), combine=Combine.WEIGHTED):
    """The bad, total and covered of a composite of parts given as (bad, total)."""
    bad = np.array([[float(bad)] for bad, _ in parts] + [[0.0]])
    total = np.array([[float(total)] for _, total in parts] + [[0.0]])
    covered = np.full(bad.shape, 60.0)
    covered[-1] = 0.0
    one = Parts(len(parts), tuple(range(len(parts))), weights, combine)
    found = composed(bad=bad, total=total, covered=covered, composites=[one])
    return tuple(float(values[-1, 0]) for values in found)


@pytest.mark.parametrize(
    ("parts", "combine", "share"),
    [
        ([(10, 1000), (5, 100)], Combine.WEIGHTED, 0.02),
        ([(10, 1000), (5, 100)], Combine.WORST, 0.05),
        ([(10, 1000), (0, 0)], Combine.WEIGHTED, 0.01),
        ([(0, 0), (5, 100)], Combine.WORST, 0.05),
        ([(1000, 1000), (0, 100)], Combine.WEIGHTED, 0.75),
    ],
    ids=["weighted", "worst of", "a part without traffic has no say", "nor in the worst", "a part all bad"],
)
def test_a_composite_is_made_of_its_parts(parts, combine, share):
    bad, total, covered = whole(parts, combine=combine)
    assert bad / total == pytest.approx(share)
    assert covered == 60.0


def test_a_composite_without_traffic_has_none():
    assert whole([(0, 0), (0, 0)]) == (0.0, 0.0, 60.0)


PART = st.integers(0, 1000).flatmap(lambda total: st.tuples(st.integers(0, total), st.just(total)))


@given(st.lists(PART, min_size=2, max_size=2), st.sampled_from(Combine))
@settings(max_examples=60, deadline=None)
def test_a_composite_is_between_its_best_and_its_worst_part(parts, combine):
    shares = [bad / total for bad, total in parts if total]
    bad, total, _ = whole(parts, combine=combine)
    if shares:
        assert min(shares) - 1e-12 <= bad / total <= max(shares) + 1e-12


def hour(treatment, *, covered=3000.0, total=45.0, span=3600.0):
    """An hour with 50 minutes of data, of which 45 minutes had traffic and 2 were bad."""
    one = Treated(0, 60, treatment)
    bad, all_ = treated(
        bad=np.array([[2.0]]),
        total=np.array([[total]]),
        covered=np.array([[covered]]),
        spans=np.array([[span]]),
        rows=[one],
    )
    return float(bad[0, 0]), float(all_[0, 0])


@pytest.mark.parametrize(
    ("missing", "counts"),
    [
        (Missing(), (2, 45)),
        (Missing(no_data=Treatment.BAD), (12, 55)),
        (Missing(no_data=Treatment.GOOD), (2, 55)),
        (Missing(zero_traffic=Treatment.GOOD), (2, 50)),
        (Missing(zero_traffic=Treatment.BAD, no_data=Treatment.BAD), (17, 60)),
    ],
    ids=["ignored", "no data is bad", "no data is good", "zero traffic is good", "both are bad"],
)
def test_missing_slices_count_as_the_objective_says(missing, counts):
    assert hour(missing) == counts


def test_the_slice_that_runs_is_not_missing():
    assert hour(Missing(no_data=Treatment.BAD), covered=3570.0, total=59.0) == (2, 59)


@pytest.mark.parametrize(
    ("presence", "told"),
    [
        (Presence(60.0, True, True), False),
        (Presence(600.0, True, True), False),
        (Presence(900.0, True, True), True),
        (Presence(7200.0, False, True), False),
        (Presence(7200.0, True, False), None),
        (Presence(None, True, True), False),
    ],
    ids=["a scrape gap", "a rolling restart", "gone", "scaled to zero", "blind", "never there"],
)
def test_absence_is_told_only_where_something_is_missed(presence, told):
    assert absent(presence, after_seconds=900) is told


def test_absence_may_be_nobodys_business():
    assert absent(Presence(1e6, True, True), after_seconds=None) is False
