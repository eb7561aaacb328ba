"""Windows of maintenance: once, or recurring by RRULE (RFC 5545) in the wall time of a zone.

A weekly window of Sunday 02:00 in Europe/Paris stays at 02:00 through the change of clocks. A start that the clocks jump over
(02:30 on the last Sunday of March) is taken an hour later; one that comes twice is taken the first time. The length is time that
passes, not wall time: two hours are two hours.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from dateutil.rrule import rrule, rruleset, rrulestr

LONGEST = timedelta(days=30)
#: How often maintenance may come; what comes more often is no maintenance, and a rule that never fits must end.
FREQUENCIES = ("DAILY", "WEEKLY", "MONTHLY", "YEARLY")
_FREQUENCY = re.compile(r"(?:^|[;:\s])FREQ=(\w+)", re.IGNORECASE)


class BadRule(ValueError):
    """The recurrence cannot be used; the message says why."""


@dataclass(frozen=True, slots=True)
class Window:
    """From `starts_at` until `ends_at`, in UTC."""

    starts_at: datetime
    ends_at: datetime


@dataclass(frozen=True, slots=True)
class Plan:
    """When maintenance is: `first` is the wall time of the first window in `zone`; without a rule there is one window."""

    first: datetime
    length: timedelta
    zone: str
    rule: str = ""

    def check(self) -> None:
        """Raise BadRule where nothing could come of it."""
        if not timedelta(0) < self.length <= LONGEST:
            raise BadRule(
                f"found a window of {self.length}, expected more than nothing and at most {LONGEST.days} days"
            )
        if self.rule:
            _rule(self)


def windows(*, plan: Plan, after: datetime) -> Iterator[Window]:
    """The windows that end after `after`, in order.

    Sunday 02:00 for 2 h in Europe/Paris, FREQ=WEEKLY → 01:00 to 03:00 UTC in winter, 00:00 to 02:00 UTC in summer.
    """
    # A day more than the length: wall time and instant lie at most that far apart.
    asked_from = after.replace(tzinfo=None) - plan.length - timedelta(days=1)
    for wall in _rule(plan).xafter(asked_from, inc=True) if plan.rule else [plan.first]:
        starts_at = _instant(wall, plan.zone)
        if starts_at + plan.length > after:
            yield Window(starts_at, starts_at + plan.length)


def next_window(*, plan: Plan, after: datetime) -> Window | None:
    """The window that holds at `after`, else the next one; None where no more come."""
    return next(windows(plan=plan, after=after), None)


def _rule(plan: Plan) -> rrule | rruleset:
    often = {found.upper() for found in _FREQUENCY.findall(plan.rule)}
    if not often or not often <= set(FREQUENCIES):
        raise BadRule(f"found the rule {plan.rule!r}, expected FREQ={', '.join(FREQUENCIES)}")
    try:
        return rrulestr(plan.rule, dtstart=plan.first.replace(tzinfo=None))
    except (ValueError, TypeError, AttributeError, KeyError) as error:
        raise BadRule(
            f"found the rule {plan.rule!r} ({error}), expected RFC 5545 such as FREQ=WEEKLY;BYDAY=SU with UNTIL, if any, "
            "as wall time without Z"
        ) from error


def _instant(wall: datetime, zone: str) -> datetime:
    """Wall time as an instant; through UTC and back, a wall time that does not exist becomes the one after the jump."""
    return wall.replace(tzinfo=ZoneInfo(zone), fold=0).astimezone(UTC)
