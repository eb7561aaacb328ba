"""Shifts as iCalendar, for the calendar program of whoever wants to see them coming."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta

import icalendar

from incidents.oncall.models import CalendarFeed, Schedule
from incidents.oncall.queries import rota as queries
from incidents.oncall.schedule import Shift
from observability.core.models import User

BACK = timedelta(days=30)
AHEAD = timedelta(days=180)


def feed_text(*, feed: CalendarFeed, now: datetime) -> bytes:
    """The calendar of a feed: a month back and half a year ahead."""
    start, end = now - BACK, now + AHEAD
    if feed.schedule is not None:
        plan = queries.plan(schedule=feed.schedule, start=start, end=end)
        shifts = [(feed.schedule, shift) for shift in plan.shifts(start=start, end=end)]
        title = feed.schedule.name
    else:
        shifts = queries.shifts_of(organisation=feed.organisation, username=feed.user.username, start=start, end=end)
        title = f"On call: {feed.user}"
    return text(title=title, shifts=shifts, now=now)


def text(*, title: str, shifts: Iterable[tuple[Schedule, Shift]], now: datetime) -> bytes:
    """One event a shift. Its UID stays the same while schedule and beginning do, so programs update instead of doubling."""
    listed = list(shifts)
    names = _names(listed)
    calendar = icalendar.Calendar()
    calendar.add("prodid", "-//Tailwatch//On call//EN")
    calendar.add("version", "2.0")
    calendar.add("x-wr-calname", title)
    calendar.add("x-published-ttl", "PT15M")
    for schedule, shift in listed:
        event = icalendar.Event()
        event.add("uid", f"{schedule.pk}-{int(shift.start.timestamp())}@tailwatch")
        event.add("dtstamp", now)
        event.add("dtstart", shift.start)
        event.add("dtend", shift.end)
        event.add("summary", f"{' and '.join(names[one] for one in shift.people)} on call: {schedule.name}")
        if shift.shadows:
            event.add("description", f"Shadowed by {', '.join(names[one] for one in shift.shadows)}")
        calendar.add_component(event)
    return bytes(calendar.to_ical())


def _names(shifts: list[tuple[Schedule, Shift]]) -> Mapping[str, str]:
    """Display names of everyone in the shifts; who was deleted keeps the username."""
    usernames = {name for _, shift in shifts for name in (*shift.people, *shift.shadows)}
    found = {user.username: str(user) for user in User.objects.filter(username__in=usernames)}
    return {name: found.get(name, name) for name in usernames}
