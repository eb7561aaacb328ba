"""Today as it will have been: what is known of the day so far, and what is usual for the rest of it. Pure."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sloengine.cost.anomaly import seasons
from sloengine.cost.anomaly.decide import Measure
from sloengine.cost.anomaly.judging import Book
from sloengine.cost.anomaly.levels import DAY


@dataclass(frozen=True, slots=True)
class Day:
    """USD, or tokens where no price is known, of the day (UTC) that holds the last hour."""

    so_far: float
    estimate: float  # if the rest of the day departs as the last three hours did
    usual: float


def today(book: Book, row: int) -> Day:
    """50 USD by noon where 20 are usual by then and 40 in a day: if it goes on like that, 100."""
    judged = book.of[Measure.SPEND]
    prepared = judged.prepared
    length = prepared.ratios.shape[1]
    begin = length - 1 - int(prepared.when.hour[length - 1])
    begin = max(begin, 0)
    spent = np.nan_to_num(book.use.priced[row, begin:length])
    usual = book.usual(Measure.SPEND, row, begin, length)
    rest = _rest(book, row)
    last, expected = float(np.sum(spent[-3:])), float(np.sum(usual[-3:]))
    pace = last / expected if expected > 0 else 1.0
    so_far = float(np.sum(spent))
    return Day(so_far, so_far + pace * rest, float(np.sum(usual)) + rest)


def _rest(book: Book, row: int) -> float:
    """What is usual for the hours of the day that are still to come, from the last level and the profile of such days."""
    prepared = book.of[Measure.SPEND].prepared
    when, length = prepared.when, prepared.ratios.shape[1]
    hours = range(int(when.hour[length - 1]) + 1, DAY)
    if not hours:
        return 0.0
    kinds, age = when.kind, prepared.age[row]
    mine = [
        at
        for at in range(max(0, length - seasons.PROFILE_DAYS * DAY), length)
        if kinds[at] == kinds[-1] and age[at] > DAY
    ]
    shape = np.zeros(len(hours))
    for place, hour in enumerate(hours):
        same = [prepared.ratios[row, at] for at in mine if when.hour[at] == hour]
        shape[place] = float(np.median(same)) if same else 0.0
    return float(np.sum(prepared.back(prepared.level[row, -1] + shape, row)))
