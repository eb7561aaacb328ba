"""What an hour usually is by the calendar, for series that are too young for the learned model. Pure.

The median of the same hour on the days of the same kind (of work or off, after one of work or off) over four weeks, drawn towards
the median of all series of the organisation (to the level itself where there is one series) by as much as three days would weigh:
a tenant of two days borrows from the others, one of a month hardly does.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from sloengine.cost.anomaly.levels import DAY, WEEK, Floats

PROFILE_DAYS = 28
POOL_DAYS = 3.0
#: The hours between which people of an office are at work, in UTC; what differs is learned from the hour itself.
OFFICE = (8, 18)


@dataclass(frozen=True, slots=True)
class Calendar:
    """Per hour of an array: `hour` 0..23, `weekday` 0 is Monday, `off` where it is a weekend or a holiday, `holiday`."""

    hour: npt.NDArray[np.int64]
    weekday: npt.NDArray[np.int64]
    off: npt.NDArray[np.bool_]
    holiday: npt.NDArray[np.bool_]

    @property
    def kind(self) -> npt.NDArray[np.int64]:
        """Of its day: whether it is one of work, and whether the day before was. A Monday is no Tuesday, since the level it is
        measured from is Sunday's; the day after a holiday is like a Monday, and a holiday like a Saturday."""
        before = np.concatenate([np.repeat(self.off[:1], min(DAY, self.length)), self.off[:-DAY]])[: self.length]
        found: npt.NDArray[np.int64] = 2 * self.off.astype(np.int64) + before
        return found

    @property
    def off_before(self) -> Floats:
        """The share of the 24 hours before that was off."""
        sums = np.concatenate([[0.0], np.cumsum(self.off)])
        at = np.arange(self.length)
        first = np.maximum(at - DAY, 0)
        found: Floats = (sums[at] - sums[first]) / np.maximum(at - first, 1)
        return found

    @property
    def office(self) -> npt.NDArray[np.bool_]:
        return ~self.off & (self.hour >= OFFICE[0]) & (self.hour < OFFICE[1])

    @property
    def length(self) -> int:
        return len(self.hour)


def calendar(*, start: dt.datetime, hours: int, holidays: Collection[dt.date] = ()) -> Calendar:
    """Of the hours that begin at `start`, `start` + 1 h, ... in the zone of `start`."""
    first = start.replace(minute=0, second=0, microsecond=0)
    number = first.hour + np.arange(hours)
    hour, day = number % DAY, number // DAY
    weekday = (first.weekday() + day) % 7
    closed = {date.toordinal() - first.date().toordinal() for date in holidays}
    holiday = np.isin(day, sorted(closed)) if closed else np.zeros(hours, bool)
    return Calendar(hour, weekday, (weekday >= 5) | holiday, holiday)


def profile(ratios: Floats, when: Calendar) -> Floats:
    """The usual log ratio of each hour, known at the beginning of its day; 0 where no day of its kind lies behind.

    `ratios` are series x hours, NaN where a series is too young to have a level, or nothing is known.
    """
    count, length = ratios.shape
    expected = np.zeros((count, length))
    offset = int(when.hour[0]) if length else 0
    kinds = when.kind
    for begin in range(-offset, length, DAY):
        at, end = max(begin, 0), min(begin + DAY, length)
        for kind in sorted(set(kinds[at:end].tolist())):
            past = _days_of_kind(kinds, begin, kind=kind, offset=offset)
            if not past:
                continue
            hours = np.stack([_hours(ratios, one, length) for one in past])
            many = np.sum(np.isfinite(hours), axis=0)
            usual = _middles(hours)
            weight = many / (many + POOL_DAYS)
            pool = np.nan_to_num(_middles(usual)) if count > 1 else 0.0
            usual = weight * np.nan_to_num(usual) + (1 - weight) * pool
            mine = np.flatnonzero(kinds[at:end] == kind) + at
            expected[:, mine] = usual[:, when.hour[mine]]
    return expected


def _days_of_kind(kinds: npt.NDArray[np.int64], begin: int, *, kind: int, offset: int) -> list[int]:
    """The first hours of the whole days before `begin` that were of this kind, four weeks at most; of any kind where none was."""
    earliest = max(begin - PROFILE_DAYS * DAY, -offset)
    days = [one for one in range(begin - DAY, earliest - 1, -DAY) if one >= 0]
    return [one for one in days if kinds[one] == kind] or days


def kind_seen(when: Calendar) -> npt.NDArray[np.bool_]:
    """Per hour, whether a whole day of its kind lies in the four weeks before its day. On the first weekend of a series nobody knows
    what its weekends are like: what is found then says nothing of how far its hours usually stray."""
    kinds, length = when.kind, when.length
    offset = int(when.hour[0]) if length else 0
    seen = np.zeros(length, bool)
    for begin in range(-offset, length, DAY):
        at, end = max(begin, 0), min(begin + DAY, length)
        past = {
            int(kinds[one])
            for one in range(begin - DAY, max(begin - PROFILE_DAYS * DAY, -offset) - 1, -DAY)
            if one >= 0
        }
        seen[at:end] = np.isin(kinds[at:end], sorted(past))
    return seen


def _middles(values: Floats) -> Floats:
    """The median over the first axis of what is known; NaN where nothing is."""
    order = np.sort(values, axis=0)  # what is unknown comes last
    known = np.sum(np.isfinite(values), axis=0)
    low, high = (np.maximum(known - 1, 0) // 2)[None], (known // 2)[None]
    low, high = np.minimum(low, len(values) - 1), np.minimum(high, len(values) - 1)
    found: Floats = (np.take_along_axis(order, low, axis=0) + np.take_along_axis(order, high, axis=0))[0] / 2
    return np.where(known > 0, found, np.nan)


def _hours(ratios: Floats, begin: int, length: int) -> Floats:
    return ratios[:, begin : min(begin + DAY, length)]


#: What a row is made of, in order; the first two are categories.
FEATURES = (
    "hour", "weekday", "day off", "holiday", "office hours", "ratio a day ago", "ratio a week ago", "level against the week's",
    "calendar profile", "ratio of all series a day ago", "share of the last day that was off",
)  # fmt: skip


def features(*, ratios: Floats, trend: Floats, profile: Floats, when: Calendar, since: int, until: int) -> Floats:
    """Series x (until - since) hours x features. `trend` is the log of the level of a day over that of a week."""
    count = ratios.shape[0]
    hours = np.arange(since, until)

    def shared(values: object) -> Floats:
        return np.broadcast_to(np.asarray(values, np.float64)[since:until], (count, len(hours)))

    def ago(values: Floats, lag: int) -> Floats:
        before = hours - lag
        return np.where(before >= 0, values[:, np.maximum(before, 0)], np.nan)

    pool = np.broadcast_to(np.median(ratios, axis=0), ratios.shape)
    return np.stack(
        [
            shared(when.hour),
            shared(when.weekday),
            shared(when.off),
            shared(when.holiday),
            shared(when.office),
            ago(ratios, DAY),
            ago(ratios, WEEK),
            trend[:, since:until],
            profile[:, since:until],
            ago(pool, DAY),
            shared(when.off_before),
        ],
        axis=2,
    )
