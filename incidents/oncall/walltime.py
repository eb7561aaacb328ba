"""Wall time and instants, with both odd hours of a year stated.

A wall time that occurs twice (clocks go back) is its first occurrence. One that does not exist (clocks go forward) is
the instant of the change: a hand-over at 02:30 in the night of the change happens when 02:00 becomes 03:00. So instants
never run backwards when wall times run forwards, whatever a zone does: half an hour in Lord Howe, a whole day in Apia.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

#: No zone has ever moved its clocks by more than a day (Apia, 2011; Manila, 1844).
LONGEST_JUMP = timedelta(hours=26)
DAY = timedelta(days=1)

Interval = tuple[datetime, datetime]


def instant(wall: datetime, zone: ZoneInfo) -> datetime:
    """The instant in UTC of a naive wall time: 2026-03-29 02:30 in Europe/Paris does not exist → 01:00 UTC, the change."""
    aware = wall.replace(tzinfo=zone, fold=0)
    first, second = aware.utcoffset(), aware.replace(fold=1).utcoffset()
    if first is None or second is None:
        raise ValueError(f"{zone} gives no offset")
    if first >= second:
        return wall.replace(tzinfo=UTC) - first
    return _change(wall, zone, first, second)


def wall(at: datetime, zone: ZoneInfo) -> datetime:
    """What the clock on the wall shows at an instant, naive."""
    return at.astimezone(zone).replace(tzinfo=None, fold=0)


@lru_cache(maxsize=1024)
def _change(wall: datetime, zone: ZoneInfo, before: timedelta, after: timedelta) -> datetime:
    """The instant at which the clocks jump over `wall`: between `wall` by the later offset and by the earlier one."""
    low, high = wall.replace(tzinfo=UTC) - after, wall.replace(tzinfo=UTC) - before
    while high - low > timedelta(seconds=1):
        middle = low + timedelta(seconds=(high - low) // timedelta(seconds=2))
        if middle.astimezone(zone).utcoffset() == before:
            low = middle
        else:
            high = middle
    return high.replace(microsecond=0)


def days(*, start: datetime, end: datetime, zone: ZoneInfo) -> Iterator[date]:
    """The local dates that [start, end) touches."""
    day, last = wall(start, zone).date(), wall(end, zone).date()
    while day <= last:
        yield day
        day += DAY


def midnight(day: date, zone: ZoneInfo) -> datetime:
    """When a local date begins; in zones that change at midnight that may be 01:00."""
    return instant(datetime.combine(day, time()), zone)


def merged(intervals: Sequence[Interval]) -> list[Interval]:
    """Sorted, without overlaps and touching ends: [(1, 3), (2, 5), (5, 6)] → [(1, 6)]."""
    found: list[Interval] = []
    for begin, end in sorted(intervals):
        if begin >= end:
            continue
        if found and begin <= found[-1][1]:
            found[-1] = (found[-1][0], max(end, found[-1][1]))
        else:
            found.append((begin, end))
    return found


def holes(*, intervals: Sequence[Interval], start: datetime, end: datetime) -> list[Interval]:
    """What of [start, end) the sorted, separate intervals leave open."""
    found, reached = [], start
    for begin, until in intervals:
        if begin >= end:
            break
        if begin > reached:
            found.append((reached, begin))
        reached = max(reached, until)
    if reached < end:
        found.append((reached, end))
    return found
