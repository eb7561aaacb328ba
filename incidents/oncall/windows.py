"""Hours of the day as a form has them: days, from, until. Pure.

Until is the day after where it is not later than from: 22:00 until 07:00 lasts 540 minutes, 09:00 until 09:00 a whole day.
`more` keeps the further days of a longer window, which programs may set: Friday 17:00 until 09:00 and 2 more is 3,840.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import time
from typing import Protocol

from incidents.oncall.document import DAYS, HoursDocument
from observability.core.refusals import Refused

DAY_MINUTES = 24 * 60
MOST_WINDOWS = 50


class WindowInvalid(Refused):
    """A window cannot be read; the message says which, what was found and what was expected."""


class Posted(Protocol):
    """What a form sent: every value of a name."""

    def getlist(self, key: str, /) -> list[str]: ...


@dataclass(frozen=True, slots=True)
class Window:
    """One row of the form; without days it is every day."""

    days: tuple[str, ...] = ()
    start: str = ""
    until: str = ""
    more: int = 0

    @property
    def blank(self) -> bool:
        return not self.start and not self.until


def shown(document: HoursDocument) -> Window:
    """Hours as the form shows them: 22:00 for 540 minutes -> 22:00 until 07:00."""
    hour, minute = divmod((_of_day(document.start) + document.minutes) % DAY_MINUTES, 60)
    days = () if set(document.days) == set(DAYS) else document.days
    return Window(days, f"{document.start:%H:%M}", f"{hour:02}:{minute:02}", (document.minutes - 1) // DAY_MINUTES)


def posted(given: Posted, *, prefix: str) -> tuple[Window, ...]:
    """The rows `<prefix>0-`, `<prefix>1-` ... of a form, without those left blank."""
    found = []
    for place in range(MOST_WINDOWS):
        name = f"{prefix}{place}-"
        starts = given.getlist(f"{name}from")
        if not starts:
            break
        more = (given.getlist(f"{name}more") or ["0"])[0]
        until = (given.getlist(f"{name}until") or [""])[0]
        days = tuple(day for day in DAYS if day in given.getlist(f"{name}day"))
        found.append(Window(days, starts[0], until, int(more) if more in set("0123456") else 0))
    return tuple(window for window in found if not window.blank)


def read(windows: Sequence[Window]) -> tuple[HoursDocument, ...]:
    """The rows as hours; WindowInvalid names the first that cannot be."""
    return tuple(_read(place, window) for place, window in enumerate(windows, start=1))


def _read(place: int, window: Window) -> HoursDocument:
    start, until = (_minute(place, text) for text in (window.start, window.until))
    length = (_of_day(until) - _of_day(start)) % DAY_MINUTES or DAY_MINUTES
    days = tuple(day for day in DAYS if day in window.days) or DAYS
    return HoursDocument(days=days, start=start, minutes=length + window.more * DAY_MINUTES)


def _minute(place: int, text: str) -> time:
    try:
        return time.fromisoformat(text).replace(second=0, microsecond=0, tzinfo=None)
    except ValueError:
        raise WindowInvalid(f"hours {place}: found {text[:20]!r}, expected a time such as 22:00") from None


def _of_day(at: time) -> int:
    return at.hour * 60 + at.minute
