"""Which rows a window is read from: sums of whole days where there are any, hours at its edges and where a price changes. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

DAY = timedelta(days=1)
HOUR = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Stretch:
    """Rows with `start <= at < end`."""

    start: datetime
    end: datetime
    days: bool


def day_of(at: datetime) -> datetime:
    return at.replace(hour=0, minute=0, second=0, microsecond=0)


def hour_of(at: datetime) -> datetime:
    return at.replace(minute=0, second=0, microsecond=0)


def stretches(
    *, since: datetime, until: datetime, summed_until: datetime | None, cuts: Sequence[datetime], hourly: bool
) -> list[Stretch]:
    """since..until in order. From 22:00 on Monday until 02:00 on Thursday: 2 hours, 2 days, 2 hours."""
    start = -(-(since - day_of(since)) // DAY) * DAY + day_of(since)
    end = min(day_of(until), summed_until or since)
    if hourly or end <= start:
        return [Stretch(since, until, days=False)]
    by_hour = sorted({day_of(cut) for cut in cuts if cut != day_of(cut) and start <= cut < end})
    found = [Stretch(since, start, days=False)]
    for day in by_hour:
        found += [Stretch(start, day, days=True), Stretch(day, day + DAY, days=False)]
        start = day + DAY
    found += [Stretch(start, end, days=True), Stretch(end, until, days=False)]
    return [one for one in found if one.start < one.end]
