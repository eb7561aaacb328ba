"""Use as the log of its ratio to a robust trailing level. Pure.

Trees cannot extrapolate a trend, and a tenant that grows is not an anomaly: what is judged is how far an hour stands from the
median of the 24 hours before it. All arrays are series x hours; nothing at an hour looks at that hour or later.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from numpy.lib.stride_tricks import sliding_window_view

Floats = npt.NDArray[np.float64]

DAY = 24
WEEK = 168
#: 1.4826 medians of absolute deviations are a standard deviation where the noise is normal.
MAD_TO_SD = 1.4826
#: From so many hours on a noise is worth the name.
LEAST_KNOWN = 12
#: Of a series's early median is added before the logarithm, so that an hour without use is far below but not infinitely so.
FLOOR_RATIO = 0.1


def middles(use: Floats) -> Floats:
    """What each series was like in its first two days of use: the unit of its logs; 1 of one that was never used."""
    return np.array([_middle(row) for row in use])


def _middle(row: Floats) -> float:
    known = row[np.isfinite(row) & (row != 0)]
    return float(np.median(np.abs(known[: 2 * DAY]))) if known.size else 1.0


def logs(use: Floats, middle: Floats) -> Floats:
    """The natural log of use over its middle, with a floor; hours of which nothing is known (NaN) stay NaN.

    Of a series whose middle is 100, 200 is log(2.1) = 0.74, and 0 is log(0.1) = -2.3.
    """
    logged: Floats = np.log(np.abs(use) / middle[:, None] + FLOOR_RATIO)
    return logged


def use_of(logged: Floats, middle: float) -> Floats:
    """The inverse of `logs` for one series."""
    found: Floats = (np.exp(logged) - FLOOR_RATIO) * middle
    return found


def filled(values: Floats) -> Floats:
    """Unknown hours take the last known value, those before the first known one the first."""
    known = np.isfinite(values)
    place = np.where(known, np.arange(values.shape[1]), -1)
    np.maximum.accumulate(place, axis=1, out=place)
    first = np.argmax(known, axis=1)
    place = np.where(place < 0, first[:, None], place)
    found = np.take_along_axis(values, place, axis=1)
    some = np.any(known, axis=1, keepdims=True)
    return np.where(some, found, 0.0)


def trailing_median(values: Floats, *, hours: int) -> Floats:
    """The median of the `hours` before each hour, of fewer at the beginning; NaN at the first. Nothing may be unknown."""
    count, length = values.shape
    found = np.full((count, length), np.nan)
    for at in range(1, min(hours, length)):
        found[:, at] = np.median(values[:, :at], axis=1)
    if length > hours:
        windows = sliding_window_view(values, hours, axis=1)[:, : length - hours]
        step = max(1, 4_000_000 // (hours * max(count, 1)))
        for at in range(0, length - hours, step):
            found[:, hours + at : hours + at + step] = np.median(windows[:, at : at + step], axis=2)
    return found


def daily_scale(values: Floats, *, days: int = 7, least: float = 0.02) -> Floats:
    """The noise of each series as of each midnight of the array: MAD about zero over the days before, as a standard deviation.

    Unknown hours do not count; NaN where fewer than 12 are known.
    Once a day is often enough, and twenty-four times cheaper than once an hour.
    """
    count, length = values.shape
    found = np.empty((count, length))
    size = np.where(np.isfinite(values), np.abs(values), np.inf)
    for at in range(0, length, DAY):
        past = np.sort(size[:, max(0, at - days * DAY) : max(at, DAY)], axis=1)
        known = np.sum(np.isfinite(past), axis=1)
        middle = np.take_along_axis(past, np.maximum(known - 1, 0)[:, None] // 2, axis=1)[:, 0]
        scale = np.maximum(MAD_TO_SD * np.where(known > 0, middle, 0.0), least)
        found[:, at : at + DAY] = np.where(known >= LEAST_KNOWN, scale, np.nan)[:, None]
    return found
