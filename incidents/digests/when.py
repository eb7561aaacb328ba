"""When the week's message leaves: Mondays at eight where the person lives. Pure."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

HOUR = time(8)


def next_monday(after: datetime, zone: ZoneInfo) -> datetime:
    """The first Monday at eight after an instant, in UTC; summer or winter time, it is eight.

    >>> next_monday(datetime.fromisoformat("2026-11-17T10:00+00:00"), ZoneInfo("Europe/Vienna")).isoformat()
    '2026-11-23T07:00:00+00:00'
    """
    day = after.astimezone(zone).date()
    for ahead in range(8):
        one = day + timedelta(days=ahead)
        at = datetime.combine(one, HOUR, zone).astimezone(UTC)
        if one.weekday() == 0 and at > after:
            return at
    raise AssertionError("one of eight days in a row is a Monday that is not over")
