"""Business days by the holiday calendar of a country. Pure: the calendars come with the package `holidays`."""

from __future__ import annotations

from datetime import date, timedelta
from functools import lru_cache

import holidays


@lru_cache(maxsize=1)
def countries() -> frozenset[str]:
    """The ISO 3166 codes that have a calendar."""
    return frozenset(holidays.list_supported_countries(include_aliases=False))


def known(country: str) -> bool:
    return country in countries()


def after(day: date, *, days: int, country: str) -> date:
    """The business day that comes `days` business days after `day`, which is not counted itself.

    5 after Wednesday 23 December 2026 in Germany is Thursday the 31st: Christmas is on Friday and Saturday. With no country
    Saturdays and Sundays alone are free: Wednesday the 30th.
    """
    calendar = holidays.country_holidays(country) if country else None
    weekend = calendar.weekend if calendar is not None else {5, 6}
    left = days
    while left:
        day += timedelta(days=1)
        if day.weekday() not in weekend and (calendar is None or day not in calendar):
            left -= 1
    return day


def holidays_between(first: date, last: date, *, country: str) -> list[tuple[date, str]]:
    """The holidays of a stretch that fall on no weekend, with their names: why a due date is later than one thinks."""
    if not country:
        return []
    calendar = holidays.country_holidays(country)
    days = (first + timedelta(days=number) for number in range((last - first).days + 1))
    return [(day, str(calendar.get(day))) for day in days if day in calendar and day.weekday() not in calendar.weekend]
