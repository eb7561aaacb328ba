"""Calendar windows: this month, this quarter, in a time zone. Pure.

A calendar window starts at an anchor ("2026-01-01 00:00:00" in Europe/Berlin) and is repeated by its length: 1M anchored on
the first is each month, whatever its number of days. The budget is that of the period that holds an instant, and whole again
when the next begins. A day on which clocks change has 23 or 25 hours, and a daily budget as many.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from dateutil.relativedelta import relativedelta

#: What one of a unit lasts where a fixed number is needed: the alert factors of a month are those of 30 days.
NOMINAL_DAYS = {"d": 1, "w": 7, "M": 30, "Q": 90, "Y": 365}


@dataclass(frozen=True, slots=True)
class Calendar:
    """`unit` is OpenSLO's: d, w, M (months), Q (quarters), Y; `start` is local time in `zone`, as ISO text."""

    unit: str
    count: int
    start: str  # "2026-01-01T00:00:00"
    zone: str

    @property
    def duration(self) -> str:
        """OpenSLO's shorthand: "1M"."""
        return f"{self.count}{self.unit}"

    @property
    def nominal(self) -> timedelta:
        """A month is 30 days, a quarter 90, a year 365."""
        return timedelta(days=NOMINAL_DAYS[self.unit] * self.count)

    @property
    def words(self) -> str:
        """ "each month in Europe/Berlin", "each 2 weeks in UTC"."""
        noun = {"d": "day", "w": "week", "M": "month", "Q": "quarter", "Y": "year"}[self.unit]
        return f"each {noun if self.count == 1 else f'{self.count} {noun}s'} in {self.zone}"


@dataclass(frozen=True, slots=True)
class Period:
    start: datetime
    end: datetime

    @property
    def length(self) -> timedelta:
        return self.end - self.start


@lru_cache(maxsize=4096)
def period_at(*, calendar: Calendar, at: datetime) -> Period:
    """The period that holds an instant: of 1M from 2026-01-01 in UTC, 2026-02-14 lies in 2026-02-01..2026-03-01.

    An instant before the anchor lies in a period too: the calendar is repeated in both directions.
    """
    zone = ZoneInfo(calendar.zone)
    anchor = datetime.fromisoformat(calendar.start)
    local = at.astimezone(zone).replace(tzinfo=None)
    number = _guess(calendar, anchor, local)
    while _begin(calendar, anchor, number, zone) > at:
        number -= 1
    while _begin(calendar, anchor, number + 1, zone) <= at:
        number += 1
    return Period(_begin(calendar, anchor, number, zone), _begin(calendar, anchor, number + 1, zone))


def _guess(calendar: Calendar, anchor: datetime, local: datetime) -> int:
    if calendar.unit in ("d", "w"):
        return (local - anchor) // calendar.nominal
    months = {"M": 1, "Q": 3, "Y": 12}[calendar.unit] * calendar.count
    return ((local.year - anchor.year) * 12 + local.month - anchor.month) // months


def _begin(calendar: Calendar, anchor: datetime, number: int, zone: ZoneInfo) -> datetime:
    """Steps are taken on the local calendar from the anchor, so the 31st of January is followed by the 28th of February."""
    steps = number * calendar.count
    step = {
        "d": relativedelta(days=steps),
        "w": relativedelta(weeks=steps),
        "M": relativedelta(months=steps),
        "Q": relativedelta(months=3 * steps),
        "Y": relativedelta(years=steps),
    }[calendar.unit]
    return (anchor + step).replace(tzinfo=zone).astimezone(UTC)
