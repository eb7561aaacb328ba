"""From use by the hour to p-values: level, expectation by the rung of the ladder, residual, score. Pure.

The ladder: a series of less than two days is not judged here (the comparison with the other tenants every five minutes is all there
is); up to two weeks the calendar profile is expected of it; after that the learned model, where one was trained.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from sloengine.cost.anomaly import levels, scores, seasons
from sloengine.cost.anomaly.levels import DAY, WEEK, Floats
from sloengine.cost.anomaly.seasons import Calendar, features

if TYPE_CHECKING:
    from sloengine.cost.anomaly.learned import Model


class Rung(StrEnum):
    LEVEL = "level"
    PROFILE = "profile"
    LEARNED = "learned"


#: The first day has no level to be measured from; the second is the first whose shape is known.
PROFILE_FROM = 2 * DAY
LEARNED_FROM = 14 * DAY
RUNGS = tuple(Rung)


@dataclass(frozen=True, slots=True)
class Prepared:
    """Series x hours: logs of use, the level they are measured from, their ratio to it, the calendar profile, and the age of each
    series in hours at each hour."""

    logs: Floats
    level: Floats
    trend: Floats
    ratios: Floats
    profile: Floats
    age: npt.NDArray[np.int64]
    known: npt.NDArray[np.bool_]
    middle: Floats  # series; what the logs are measured in
    when: Calendar

    def back(self, logged: Floats, row: int) -> Floats:
        """Logs of one series as use again."""
        found: Floats = np.maximum(levels.use_of(logged, float(self.middle[row])), 0.0)
        return found

    def rows(self, since: int, until: int) -> Floats:
        return features(
            ratios=self.ratios, trend=self.trend, profile=self.profile, when=self.when, since=since, until=until
        )


def prepare(use: Floats, when: Calendar) -> Prepared:
    """`use` is series x hours, NaN where nothing is known."""
    middle = levels.middles(use)
    logged = levels.logs(use, middle)
    whole = levels.filled(logged)
    level = np.nan_to_num(levels.trailing_median(whole, hours=DAY), nan=0.0)
    level[:, :1] = whole[:, :1]
    week = _weekly(whole)
    ratios = whole - level
    known = np.isfinite(logged)
    age = np.cumsum(known, axis=1)
    return Prepared(
        logs=logged,
        level=level,
        trend=level - week,
        ratios=ratios,
        profile=seasons.profile(np.where(known & (age > DAY), ratios, np.nan), when),
        age=age,
        known=known,
        middle=middle,
        when=when,
    )


def _weekly(whole: Floats) -> Floats:
    """The median of the week before each day."""
    found = np.zeros_like(whole)
    for at in range(0, whole.shape[1], DAY):
        past = whole[:, max(0, at - WEEK) : at] if at else whole[:, :1]
        found[:, at : at + DAY] = np.median(past, axis=1)[:, None]
    return found


@dataclass(frozen=True, slots=True)
class Expected:
    """Series x hours, as logs of the ratio to the level, and by which rung."""

    median: Floats
    rung: npt.NDArray[np.int64]  # a place in RUNGS


def by_calendar(prepared: Prepared) -> Expected:
    """The rungs below the learned one."""
    median = np.where(prepared.age > PROFILE_FROM, prepared.profile, 0.0)
    return Expected(median, (prepared.age > PROFILE_FROM).astype(np.int64))


def by_model(prepared: Prepared, expected: Expected, *, model: Model, since: int, until: int) -> Expected:
    """`expected` with the hours since..until of old enough series by the model."""
    learned = model.at(0.5, prepared.rows(since, until))
    old = prepared.age[:, since:until] > LEARNED_FROM
    median, rung = expected.median.copy(), expected.rung.copy()
    median[:, since:until] = np.where(old, learned, median[:, since:until])
    rung[:, since:until] = np.where(old, RUNGS.index(Rung.LEARNED), rung[:, since:until])
    return Expected(median, rung)


def residuals(prepared: Prepared, expected: Expected) -> Floats:
    """In logs; NaN where nothing is known, and in the first days, which know no time of day yet."""
    return np.where(prepared.known & (prepared.age > PROFILE_FROM), prepared.ratios - expected.median, np.nan)


#: A model of the hours since..until.
Train = Callable[[Prepared, int, int], "Model"]
TRAINED_ON = 56 * DAY


def walked(prepared: Prepared, *, train: Train, every: int = WEEK) -> Expected:
    """Every hour as it would have been expected then: the model is trained anew each week, on the eight weeks behind it."""
    expected = by_calendar(prepared)
    length = prepared.ratios.shape[1]
    for at in range(LEARNED_FROM, length, every):
        model = train(prepared, max(0, at - TRAINED_ON), at)
        expected = by_model(prepared, expected, model=model, since=at, until=min(at + every, length))
    return expected


def judged(prepared: Prepared, expected: Expected) -> scores.Scored:
    return scores.scored(residuals(prepared, expected), seasons.kind_seen(prepared.when))
