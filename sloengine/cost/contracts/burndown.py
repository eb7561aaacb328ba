"""How a commitment is used up, and when it will be. Pure.

The forecast: coming days use what the last eight weeks used on the same day of the week, or on any day where there is less than
two weeks. Its interval is that of a sum of h days whose mean was learnt from n: z s sqrt(h + h²/n), widened by
sqrt((1 + r) / (1 - r)) where one day resembles the next (r: their correlation). It says nothing of what has no past: a launch, a price.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum
from itertools import pairwise
from statistics import NormalDist

HISTORY_DAYS = 56
LEAST_DAYS = 7
#: How often the truth lies between low and high.
CONFIDENCE = 0.9
_Z = NormalDist().inv_cdf(0.5 + CONFIDENCE / 2)
MOST_CORRELATION = 0.9


class State(StrEnum):
    KNOWN = "forecast"
    LITTLE_HISTORY = f"fewer than {LEAST_DAYS} whole days were seen: no forecast yet"


@dataclass(frozen=True, slots=True)
class Ahead:
    """The amount that is used from the day after the last known one until the end of `day`."""

    day: date
    low: float
    middle: float
    high: float


@dataclass(frozen=True, slots=True)
class Pace:
    """What a day uses: by day of the week (Monday first), with the spread of days around it."""

    by_weekday: tuple[float, ...]
    spread: float
    days: int

    def ahead(self, *, after: date, until: date) -> list[Ahead]:
        found, middle = [], 0.0
        for number in range(1, (until - after).days + 1):
            day = after + timedelta(days=number)
            middle += self.by_weekday[day.weekday()]
            half = _Z * self.spread * math.sqrt(number + number**2 / self.days)
            found.append(Ahead(day, max(middle - half, 0.0), middle, middle + half))
        return found


def pace(days: Mapping[date, float], *, last: date) -> Pace | None:
    """From the whole days up to `last`; None where fewer than a week was seen. A day between the first and `last` that is not
    there used nothing."""
    known = [day for day in days if day <= last]
    if not known:
        return None
    first = max(min(known), last - timedelta(days=HISTORY_DAYS - 1))
    span = [first + timedelta(days=number) for number in range((last - first).days + 1)]
    if len(span) < LEAST_DAYS:
        return None
    used = [days.get(day, 0.0) for day in span]
    mean = sum(used) / len(used)
    by_weekday = [mean] * 7
    if len(span) >= 14:
        for weekday in range(7):
            same = [amount for day, amount in zip(span, used, strict=True) if day.weekday() == weekday]
            by_weekday[weekday] = sum(same) / len(same)
    rest = [amount - by_weekday[day.weekday()] for day, amount in zip(span, used, strict=True)]
    freedom = max(len(rest) - (7 if len(span) >= 14 else 1), 1)
    spread = math.sqrt(sum(one * one for one in rest) / freedom)
    alike = _correlation(rest)
    return Pace(tuple(by_weekday), spread * math.sqrt((1 + alike) / (1 - alike)), len(span))


def _correlation(rest: Sequence[float]) -> float:
    """Of each day with the next, between 0 and 0.9."""
    whole = sum(one * one for one in rest)
    if whole <= 0:
        return 0.0
    return min(max(sum(a * b for a, b in pairwise(rest)) / whole, 0.0), MOST_CORRELATION)


@dataclass(frozen=True, slots=True)
class BurnDown:
    """`used` until the end of `day`, the last whole one; `points` is the sum by the end of each day. The dates are those on which the
    limit is reached: `earliest` if more is used than expected, `latest` if less; None: not within the period."""

    state: State
    used: float
    limit: float
    day: date
    points: tuple[tuple[date, float], ...]
    ahead: tuple[Ahead, ...] = ()
    reached_on: date | None = None
    earliest: date | None = None
    latest: date | None = None

    @property
    def ratio(self) -> float:
        return self.used / self.limit

    @property
    def end(self) -> Ahead | None:
        """The whole period's use, with what was used already; None without a forecast."""
        if self.state is not State.KNOWN:
            return None
        last = self.ahead[-1] if self.ahead else Ahead(self.day, 0.0, 0.0, 0.0)
        return Ahead(last.day, self.used + last.low, self.used + last.middle, self.used + last.high)


def burn_down(
    *, days: Mapping[date, float], carried: float, first: date, last: date, today: date, limit: float,
    before: Mapping[date, float] | None = None,
) -> BurnDown:  # fmt: skip
    """Of a period from `first` to `last`: `days` are its days' use, today's so far included; `before` those before it, from which the
    pace is learnt too; `carried` was used in the period before any day that is known."""
    points, total = [], carried
    until = min(today, last)
    for number in range((until - first).days + 1):
        day = first + timedelta(days=number)
        total += days.get(day, 0.0)
        points.append((day, total))
    crossed = next((day for day, amount in points if amount >= limit), None)
    yesterday = today - timedelta(days=1)
    learnt = pace({**(before or {}), **days}, last=min(yesterday, last))
    if learnt is None:
        return BurnDown(State.LITTLE_HISTORY, total, limit, until, tuple(points), (), crossed, crossed, crossed)
    # Today counts as a whole day: what it has used so far is a part of what it will use.
    rest = learnt.ahead(after=yesterday, until=last) if today <= last else []
    so_far = days.get(today, 0.0) if today <= last else 0.0
    ahead = tuple(
        Ahead(one.day, max(one.low - so_far, 0.0), max(one.middle - so_far, 0.0), max(one.high - so_far, 0.0))
        for one in rest
    )

    def when(amounts: Sequence[float]) -> date | None:
        return crossed or next(
            (one.day for one, amount in zip(ahead, amounts, strict=True) if total + amount >= limit), None
        )

    return BurnDown(
        State.KNOWN, total, limit, until, tuple(points), ahead,
        reached_on=when([one.middle for one in ahead]),
        earliest=when([one.high for one in ahead]),
        latest=when([one.low for one in ahead]),
    )  # fmt: skip
