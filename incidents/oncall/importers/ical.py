"""A calendar's events as shifts: recurring ones expanded, people found by address, name or title."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from typing import Any
from zoneinfo import ZoneInfo

import icalendar
import recurring_ical_events  # type: ignore[import-untyped]  # it ships no types

from observability.core.models import Organisation, User
from observability.core.refusals import Refused

LARGEST_BYTES = 5 * 1024 * 1024
MOST_EVENTS = 5000


class CalendarUnreadable(Refused):
    """The text is no calendar that can be used; the message says what is wrong."""


@dataclass(frozen=True, slots=True)
class CalendarEvent:
    """One event in UTC; nobody where no person of the organisation was recognised."""

    start: datetime
    end: datetime
    title: str
    people: tuple[str, ...]


def read(*, text: bytes, organisation: Organisation, start: datetime, end: datetime, zone: str) -> list[CalendarEvent]:
    """The events of [start, end). Times without a zone, and whole days, are wall times in `zone`."""
    if len(text) > LARGEST_BYTES:
        raise CalendarUnreadable(f"The calendar has {len(text):,} bytes; at most {LARGEST_BYTES:,} are read.")
    try:
        calendar = icalendar.Calendar.from_ical(text)
        found = recurring_ical_events.of(calendar).between(start, end)
    except (ValueError, KeyError, IndexError, TypeError, AttributeError, OverflowError) as error:
        raise CalendarUnreadable(f"This is no iCalendar file that can be read: {error}") from error
    if len(found) > MOST_EVENTS:
        raise CalendarUnreadable(f"The calendar has {len(found)} events from now on; at most {MOST_EVENTS} are taken.")
    known = _known(organisation)
    events = [_event(component, known, ZoneInfo(zone)) for component in found if component.name == "VEVENT"]
    return sorted((event for event in events if event.end > event.start), key=lambda event: event.start)


def _known(organisation: Organisation) -> dict[str, str]:
    """Username by everything that may name a person: username, mail address, display name."""
    people = User.objects.filter(memberships__organisation=organisation, is_active=True)
    found: dict[str, str] = {}
    for person in people:
        for word in (person.display_name, person.email, person.username):
            if word:
                found[word.casefold()] = person.username
    return found


def _event(component: Any, known: Mapping[str, str], zone: ZoneInfo) -> CalendarEvent:
    begin, end = component.start, component.end
    title = str(component.get("SUMMARY", ""))
    return CalendarEvent(_instant(begin, zone), _instant(end, zone), title, _people(component, title, known))


def _instant(at: date, zone: ZoneInfo) -> datetime:
    if not isinstance(at, datetime):
        at = datetime.combine(at, time())
    return (at if at.tzinfo is not None else at.replace(tzinfo=zone)).astimezone(UTC)


def _people(component: Any, title: str, known: Mapping[str, str]) -> tuple[str, ...]:
    """Attendees first; else the whole title, else its parts: "Ana, Ben", "On call: ana", "[L1] ana@example.org"."""
    attendees = component.get("ATTENDEE", [])
    listed = attendees if isinstance(attendees, list) else [attendees]
    words = [str(one).casefold().removeprefix("mailto:") for one in listed]
    words += [str(one.params.get("CN", "")).casefold() for one in listed if hasattr(one, "params")]
    found = [known[word] for word in words if word in known]
    if not found:
        parts = [title, *re.split(r"[,;/&+|:()\[\]]| and | - ", title)]
        found = [known[part.strip().casefold()] for part in parts if part.strip().casefold() in known]
    return tuple(dict.fromkeys(found))
