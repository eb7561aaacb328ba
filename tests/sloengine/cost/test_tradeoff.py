"""Batch step by queue depth: which cells hold, which are thin (REQUIREMENTS R18)."""

from __future__ import annotations

import pytest

from sloengine.cost.tradeoff.matrix import DEPTH_BINS, STEP_BINS, Targets, Window, bounds, matrix, place
from sloengine.rollups.windows import HistogramIncrement


def latency(*, fast: float, slow: float) -> HistogramIncrement:
    """`fast` events within 0.1 s, `slow` more within 0.5 s."""
    return HistogramIncrement((0.1, 0.5, float("inf")), (fast, fast + slow, fast + slow), 0.0, fast + slow)


def window(
    step: float = 0.025, depth: float = 2.0, done: float = 600_000, fast: float = 100, slow: float = 0
) -> Window:
    return Window(60.0, step, depth, latency(fast=fast, slow=slow), done)


@pytest.mark.parametrize(
    ("value", "bins", "number"),
    [
        (0.0, STEP_BINS, 0),
        (0.025, STEP_BINS, 2),
        (0.03, STEP_BINS, 3),
        (9.0, STEP_BINS, 7),
        (0.0, DEPTH_BINS, 0),
        (99.0, DEPTH_BINS, 5),
    ],
)
def test_a_value_falls_into_its_bin(value, bins, number) -> None:
    assert place(value, bins) == number
    low, high = bounds(number, bins)
    assert low <= value
    assert high is None or value < high


def test_the_shipped_targets_are_those_of_the_requirement() -> None:
    assert (Targets().p95_seconds, Targets().rate) == (0.250, 5000.0)


def test_a_cell_holds_where_both_do() -> None:
    found = matrix([window() for _ in range(20)], targets=Targets())
    (cell,) = found.cells
    assert (cell.column, cell.row, cell.windows, cell.seconds, cell.rate) == (2, 2, 20, 1200.0, 10_000.0)
    assert cell.holds
    assert not cell.thin
    assert found.best is cell


def test_fast_alone_or_much_alone_does_not_hold() -> None:
    little, slow = window(done=60), window(depth=10.0, fast=10, slow=90)
    cells = matrix([little] * 6 + [slow] * 6, targets=Targets()).cells
    assert [(cell.fast, cell.enough, cell.holds) for cell in cells] == [(True, False, False), (False, True, False)]


def test_a_p95_is_of_summed_histograms_never_a_mean_of_p95s() -> None:
    quiet, loud = window(fast=1, slow=0), window(fast=0, slow=999)
    (cell,) = matrix([quiet, loud], targets=Targets()).cells
    assert cell.p95_seconds == pytest.approx(0.48, abs=0.01)


def test_thin_cells_win_only_where_no_other_holds() -> None:
    thin, thick = window(step=0.05, done=9e5), window()
    alone, both = (matrix(some, targets=Targets()).best for some in ([thin] * 4, [thin] * 4 + [thick] * 5))
    assert alone is not None
    assert alone.thin
    assert both is not None
    assert (both.thin, both.column) == (False, 2)


def test_without_latency_nothing_is_fast() -> None:
    (cell,) = matrix([Window(60.0, 0.02, 0.0, None, 9e9)], targets=Targets()).cells
    assert cell.p95_seconds is None
    assert not cell.holds


def test_over_the_last_bucket_is_not_fast() -> None:
    endless = HistogramIncrement((0.1, float("inf")), (0.0, 10.0), 0.0, 10.0)
    (cell,) = matrix([Window(60.0, 0.02, 0.0, endless, 9e9)], targets=Targets()).cells
    assert not cell.fast


def test_nothing_seen_is_no_matrix() -> None:
    assert matrix([], targets=Targets()).best is None
