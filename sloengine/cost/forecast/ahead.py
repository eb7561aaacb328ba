"""The coming days of a series of days, with an interval. Pure.

Middle: weekday factors (trimmed mean of each day to the centred mean of its week: classical decomposition, Hyndman and Athanasopoulos,
Forecasting: Principles and Practice, 3rd ed., 3.4) on a level (the last four weeks, outliers drawn in) with a trend (median of all
slopes: Theil 1950, Sen 1968), damped as in Gardner and McKenzie 1985: of a trend that was seen for n days half is left 2n days on.

Interval: a sieve bootstrap (Buehlmann 1997) of the residuals in proportion to the level: each day resembles the one before by their
correlation (corrected for its bias in short series, Kendall 1954), and what is new in it is drawn from the residuals. Each drawn
history is fitted anew, so that not knowing level and trend counts, and each draws its own damping from none to twice the usual.
It says nothing of what has no past: a launch, a new price.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum
from functools import cache

import numpy as np
from numpy.typing import NDArray

LEAST_DAYS, MOST_DAYS, QUARTER = 14, 182, 90
LEVEL_DAYS, DRAWS = 28, 300
#: The most that a day may resemble the one before; a trend's half-life in lengths of its history.
MOST_CORRELATION, HALF_LIFE = 0.9, 2.0
#: How often the truth lies between low and high.
CONFIDENCE = 0.9
#: Residuals beyond so many times the usual spread count as just so large.
WILD = 5.0
Floats = NDArray[np.float64]


class State(StrEnum):
    KNOWN = "forecast"
    LITTLE_HISTORY = "not enough history"
    UNUSED = "nothing used in the last four weeks"


@dataclass(frozen=True, slots=True)
class Ahead:
    """One day; the sums are of all days from the first forecast one to this."""

    day: date
    low: float
    middle: float
    high: float
    sum_low: float
    sum_middle: float
    sum_high: float


@dataclass(frozen=True, slots=True)
class Forecast:
    """`days` is how many closed days it was learnt from, `missing` how many more it needs."""

    state: State
    days: int
    missing: int = 0
    ahead: tuple[Ahead, ...] = ()

    @property
    def end(self) -> Ahead | None:
        return self.ahead[-1] if self.ahead else None

    @property
    def said(self) -> str:
        """'not enough history: 9 closed days, 5 more are needed'."""
        if self.state is State.LITTLE_HISTORY:
            return f"{self.state.value}: {self.days} closed days, {self.missing} more are needed"
        return self.state.value


def forecast(days: Mapping[date, float], *, last: date, horizon: int = QUARTER) -> Forecast:
    """Of the days after `last`, the newest closed one. A day between the first and `last` that is not there used nothing.

    100 on each of 60 days: 100 to 100 on every day, 9,000 together in 90.
    """
    known = [day for day in days if day <= last]
    if not known:
        return Forecast(State.LITTLE_HISTORY, 0, LEAST_DAYS)
    first = max(min(known), last - timedelta(days=MOST_DAYS - 1))
    count = (last - first).days + 1
    if count < LEAST_DAYS:
        return Forecast(State.LITTLE_HISTORY, count, LEAST_DAYS - count)
    used = np.array([days.get(first + timedelta(days=number), 0.0) for number in range(count)])
    if not used[-LEVEL_DAYS:].any():
        return Forecast(State.UNUSED, count)
    place = (np.arange(count + horizon) + first.weekday()) % 7
    middle, paths = _paths(used, place, horizon)
    tail = (1 - CONFIDENCE) / 2
    low, high = np.quantile(paths, [tail, 1 - tail], axis=0)
    sum_low, sum_high = np.quantile(np.cumsum(paths, axis=1), [tail, 1 - tail], axis=0)
    figures = (
        np.minimum(low, middle), middle, np.maximum(high, middle),
        np.minimum(sum_low, np.cumsum(middle)), np.cumsum(middle), np.maximum(sum_high, np.cumsum(middle)),
    )  # fmt: skip
    rows = zip(*(one.tolist() for one in figures), strict=True)
    return Forecast(
        State.KNOWN,
        count,
        0,
        tuple(Ahead(last + timedelta(days=number), *row) for number, row in enumerate(rows, start=1)),
    )


def _paths(used: Floats, place: NDArray[np.int64], horizon: int) -> tuple[Floats, Floats]:
    """The middle, and the drawn futures by row."""
    count = len(used)
    factors = _weekdays(used, place[:count])
    at = np.arange(count, dtype=float)
    works = factors[place[:count]] > 0
    level = np.divide(used, factors[place[:count]], out=np.zeros(count), where=works)
    slope = _slope(level[works], at[works])
    recent = works & (at >= count - LEVEL_DAYS)
    anchor = float(at[recent].mean())
    base = float(_drawn_in(level[recent] - slope * (at[recent] - anchor)).mean())
    floor = 0.05 * max(float(np.median(level[works])), base, 1e-12)
    fitted = np.maximum(base + slope * (at - anchor), floor)
    rest = np.where(works, level / fitted - 1, 0.0)
    rest = _drawn_in(rest)
    drawn, damping = _histories(rest - rest.mean(), horizon)
    past = drawn[:, :count] * fitted
    centred = at - at.mean()
    slopes = past @ (centred / (centred @ centred))
    levels = past[:, recent].mean(axis=1)
    gap = count - 1 - anchor
    usual = _reach(np.array([math.log(2) / (HALF_LIFE * count)]), horizon)[0]
    ahead = np.maximum(base + slope * (gap + usual), 0.0)
    reach = gap + _reach(damping, horizon)
    paths = base - levels[:, None] + (slope - slopes[:, None]) * reach
    futures = np.maximum(paths, 0.0) * np.maximum(1 + drawn[:, count:], 0.0) * factors[place[count:]]
    return ahead * factors[place[count:]], futures


def _weekdays(used: Floats, place: NDArray[np.int64]) -> Floats:
    """Monday first, with a mean of 1."""
    week = np.convolve(used, np.ones(7) / 7, mode="valid")
    around = np.concatenate([np.full(3, week[0]), week, np.full(3, week[-1])])
    found = np.ones(7)
    for number in range(7):
        same = (place == number) & (around > 0)
        ratios = np.sort(used[same] / around[same])
        cut = 1 if len(ratios) >= 5 else 0
        found[number] = ratios[cut : len(ratios) - cut].mean() if len(ratios) else 0.0
    return found / found.mean() if found.any() else np.ones(7)


def _slope(level: Floats, at: Floats) -> float:
    """The median of the slopes between all pairs: 0.5 for 1, 1.5, 2, 40 is not pulled up to 11 by the last."""
    rows, columns = np.triu_indices(len(level), 1)
    if not len(rows):
        return 0.0
    return float(np.median((level[columns] - level[rows]) / (at[columns] - at[rows])))


def _reach(damping: Floats, horizon: int) -> Floats:
    """So many days' worth of trend by each day ahead, by row of damping rates: 1, 2, 3 without, less with."""
    return np.cumsum(np.exp(-damping[:, None] * np.arange(1, horizon + 1)), axis=1)


def _drawn_in(values: Floats) -> Floats:
    """Values beyond five usual spreads of the middle count as just so far."""
    middle = float(np.median(values))
    spread = 1.4826 * float(np.median(np.abs(values - middle)))
    return np.clip(values, middle - WILD * spread, middle + WILD * spread) if spread > 0 else values


def _histories(rest: Floats, horizon: int) -> tuple[Floats, Floats]:
    """Residuals as they could have been, with those of the days ahead, and a damping rate each; by row."""
    count = len(rest)
    whole = float(rest @ rest)
    alike = float(rest[1:] @ rest[:-1]) / whole if whole else 0.0
    alike = min(max(alike + (2 + 4 * alike) / count, 0.0), MOST_CORRELATION)
    # What was fitted lies closer to its own history than to the future: seven weekdays, and a level and a slope that count for more
    # where days are alike. The weekdays' own error comes on top.
    learnt = min((7 + 2 * (1 + alike) / (1 - alike)) / count, 0.75)
    new = rest[1:] - alike * rest[:-1]
    size = math.sqrt(whole / count * (1 + 7 / count) / (1 - learnt))
    new = new - new.mean()
    scale = math.sqrt(float(new @ new) / len(new))
    index, start, damping = _draws(count, horizon)
    found = np.empty((count + horizon, DRAWS))
    found[0] = size * start
    fresh = new[index] * (size * math.sqrt(1 - alike**2) / scale if scale else 0.0)
    for number in range(1, count + horizon):
        found[number] = alike * found[number - 1] + fresh[number]
    return found.T, damping


@cache
def _draws(count: int, horizon: int) -> tuple[NDArray[np.int64], Floats, Floats]:
    """The residuals that are drawn, the first days, and how trends are damped: the same for the same lengths."""
    random = np.random.default_rng(20_261_123)
    index = random.integers(0, count - 1, size=(count + horizon, DRAWS))
    return index, random.standard_normal(DRAWS), random.uniform(0, 2, DRAWS) * math.log(2) / (HALF_LIFE * count)
