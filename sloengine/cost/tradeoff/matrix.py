"""Windows of time sorted into cells of batch step (X) by queue depth (Y). Pure.

X is the micro-batcher's window where a server has one. Engines with continuous batching have none: there X is the measured step time,
the mean gap between two tokens, which is how long a batch computes, and it is named so. Y is the requests that wait, a replica.

A cell's p95 is the quantile of its windows' summed histograms (REQUIREMENTS R35), its throughput what was done in its seconds. A cell
holds where p95 is at most the target and throughput at least its target; one with few windows is thin: it may be chance.

Worked: 20 windows of 60 s at 22 ms and 3 waiting, 6,000 requests in all: cell (20-30 ms, 1-4 waiting), 5 requests/s.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from sloengine.rollups.windows import HistogramIncrement, merge, quantile

#: Lower bounds of the bins; the last has no upper bound. Seconds, and requests a replica.
STEP_BINS: Final = (0.0, 0.010, 0.020, 0.030, 0.040, 0.060, 0.080, 0.120)
DEPTH_BINS: Final = (0.0, 0.1, 1.0, 4.0, 16.0, 64.0)
THIN_UNDER: Final = 5
P95_TARGET_SECONDS: Final = 0.250
RATE_TARGET: Final = 5000.0


@dataclass(frozen=True, slots=True)
class Window:
    """One stretch of time: `latency` is None where nothing was measured, `done` requests or tokens in `seconds`."""

    seconds: float
    step_seconds: float
    depth: float
    latency: HistogramIncrement | None
    done: float


@dataclass(frozen=True, slots=True)
class Targets:
    """p95 in seconds at most, requests or tokens a second at least."""

    p95_seconds: float = P95_TARGET_SECONDS
    rate: float = RATE_TARGET


@dataclass(frozen=True, slots=True)
class Cell:
    """`column` and `row` are places in the bins; `p95` is None without events, infinite above the last bucket."""

    column: int
    row: int
    windows: int
    seconds: float
    p95_seconds: float | None
    rate: float
    fast: bool
    enough: bool

    @property
    def holds(self) -> bool:
        return self.fast and self.enough

    @property
    def thin(self) -> bool:
        return self.windows < THIN_UNDER


@dataclass(frozen=True, slots=True)
class Matrix:
    """The cells that were seen; `steps` and `depths` are the bins that have any, as (from, to), to None without end."""

    cells: tuple[Cell, ...]
    targets: Targets

    @property
    def best(self) -> Cell | None:
        """Of the cells that hold the one with most done; None where none holds. A thin one only where no other does."""
        holding = [cell for cell in self.cells if cell.holds]
        return max(holding, key=lambda cell: (not cell.thin, cell.rate), default=None)

    @property
    def nearest(self) -> Cell | None:
        """Of the fast cells the one with most done: what could be had without breaking latency."""
        return max(
            (cell for cell in self.cells if cell.fast), key=lambda cell: (not cell.thin, cell.rate), default=None
        )


def matrix(windows: Iterable[Window], *, targets: Targets) -> Matrix:
    """Sort windows into cells and judge each."""
    groups: dict[tuple[int, int], list[Window]] = {}
    for window in windows:
        key = place(window.step_seconds, STEP_BINS), place(window.depth, DEPTH_BINS)
        groups.setdefault(key, []).append(window)
    cells = (_cell(column, row, found, targets) for (column, row), found in sorted(groups.items()))
    return Matrix(tuple(cells), targets)


def place(value: float, bins: Sequence[float]) -> int:
    """The bin a value falls in: 0.025 is in the third, from 0.020 to 0.030."""
    return max(bisect_right(bins, value) - 1, 0)


def bounds(number: int, bins: Sequence[float]) -> tuple[float, float | None]:
    """From and to of a bin; to is None for the last."""
    return bins[number], bins[number + 1] if number + 1 < len(bins) else None


def _cell(column: int, row: int, windows: Sequence[Window], targets: Targets) -> Cell:
    seconds = sum(one.seconds for one in windows)
    whole = merge(one.latency for one in windows if one.latency is not None)
    found = quantile(whole, 0.95) if whole is not None else None
    p95 = None if found is None else found.high if found.high == float("inf") else found.value
    rate = sum(one.done for one in windows) / seconds if seconds > 0 else 0.0
    return Cell(
        column=column,
        row=row,
        windows=len(windows),
        seconds=seconds,
        p95_seconds=p95,
        rate=rate,
        fast=p95 is not None and p95 <= targets.p95_seconds,
        enough=rate >= targets.rate,
    )
