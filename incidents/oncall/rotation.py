"""Whose turn it is: a list of people that hands over at wall times, hourly to monthly. Pure.

Hand-overs count in wall time, so that the local hour is kept: a weekly hand-over at 09:00 stays at 09:00 when the clocks
change, and that week has 167 or 169 hours. An hourly turn whose hour does not exist is passed over; one whose hour
occurs twice lasts two hours. Between the first hand-over and `until` there is exactly one turn at every instant.
"""

from __future__ import annotations

import calendar
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from functools import lru_cache
from itertools import count
from zoneinfo import ZoneInfo

from incidents.oncall.walltime import LONGEST_JUMP, instant, wall


class Unit(StrEnum):
    """How long a turn lasts, times `every`."""

    HOURLY = "hourly"
    DAILY = "daily"
    WEEKLY = "weekly"
    MONTHLY = "monthly"


_LENGTH = {Unit.HOURLY: timedelta(hours=1), Unit.DAILY: timedelta(days=1), Unit.WEEKLY: timedelta(weeks=1)}


@dataclass(frozen=True, slots=True)
class Member:
    """One place in the list: the people of a turn, and between which wall times the place takes part (None: always)."""

    people: tuple[str, ...]
    joins: datetime | None = None
    leaves: datetime | None = None

    def takes_part(self, at: datetime) -> bool:
        return (self.joins is None or self.joins <= at) and (self.leaves is None or at < self.leaves)


@dataclass(frozen=True, slots=True)
class Rotation:
    """Members in order. `starts` and `until` are wall times in `zone`; a 31st is the last day of shorter months."""

    members: tuple[Member, ...]
    starts: datetime
    zone: ZoneInfo
    unit: Unit = Unit.WEEKLY
    every: int = 1
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Turn:
    """[start, end) in UTC, the how-manieth turn it is, and whose: nobody's where no member takes part."""

    start: datetime
    end: datetime
    number: int
    people: tuple[str, ...]


def handover(rotation: Rotation, number: int) -> datetime:
    """The wall time at which turn `number` begins: weekly from Mon 5 Jan 09:00, turn 2 → Mon 19 Jan 09:00."""
    steps = number * rotation.every
    if rotation.unit is not Unit.MONTHLY:
        return rotation.starts + steps * _LENGTH[rotation.unit]
    months = rotation.starts.month - 1 + steps
    year, month = rotation.starts.year + months // 12, months % 12 + 1
    day = min(rotation.starts.day, calendar.monthrange(year, month)[1])
    return rotation.starts.replace(year=year, month=month, day=day)


def number_from(rotation: Rotation, at: datetime) -> int:
    """The first turn that begins at wall time `at` or later, 0 at least."""
    if rotation.unit is Unit.MONTHLY:
        months = (at.year - rotation.starts.year) * 12 + at.month - rotation.starts.month
        number = max(0, months // rotation.every - 1)
    else:
        number = max(0, (at - rotation.starts) // (rotation.every * _LENGTH[rotation.unit]))
    while handover(rotation, number) < at:
        number += 1
    return number


def turns(rotation: Rotation, *, start: datetime, end: datetime) -> Iterator[Turn]:
    """The turns of [start, end), whole ones also where they reach beyond it."""
    zone = rotation.zone
    last = instant(rotation.until, zone) if rotation.until is not None else None
    number = max(0, number_from(rotation, wall(start, zone) - LONGEST_JUMP) - 1)
    begin = instant(handover(rotation, number), zone)
    for current in count(number):
        following = instant(handover(rotation, current + 1), zone)
        stop = following if last is None else min(following, last)
        if begin >= end or (last is not None and begin >= last):
            return
        if stop > start and stop > begin:
            yield Turn(begin, stop, current, _whose(rotation, current))
        begin = following


@dataclass(frozen=True, slots=True)
class _Stretch:
    """From turn `first` on these take turns, beginning with place `offset` of them."""

    first: int
    order: tuple[tuple[str, ...], ...]
    offset: int


def _whose(rotation: Rotation, number: int) -> tuple[str, ...]:
    stretch = next(one for one in reversed(_stretches(rotation)) if one.first <= number)
    return stretch.order[(stretch.offset + number - stretch.first) % len(stretch.order)] if stretch.order else ()


@lru_cache(maxsize=512)
def _stretches(rotation: Rotation) -> tuple[_Stretch, ...]:
    """The list as it changes: who joins or leaves changes whose turn is next, never the order of the others.

    Ana, Ben; Carla joins between them and the next turn is the one after the last: …, Ben, Ana, [Carla joins] Carla, Ben.
    """
    changes = {at for member in rotation.members for at in (member.joins, member.leaves) if at is not None}
    begins = sorted({0, *(number_from(rotation, at) for at in changes)})
    found: list[_Stretch] = []
    place = -1  # the place in the whole list that had the last turn
    for position, first in enumerate(begins):
        at = handover(rotation, first)
        active = [index for index, member in enumerate(rotation.members) if member.takes_part(at)]
        offset = next((i for i, index in enumerate(active) if index > place), 0)
        found.append(_Stretch(first, tuple(rotation.members[index].people for index in active), offset))
        if active and position + 1 < len(begins):
            place = active[(offset + begins[position + 1] - first - 1) % len(active)]
    return tuple(found)
