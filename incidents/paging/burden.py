"""What being on call costs people: pages a shift, and sleep interrupted. Pure.

A *ring* is one decision to tell one person of one incident, on however many of their channels. A *night* is 22:00 to 07:00 in the
person's own time zone and belongs to the day on which it begins: 23:30 on Monday and 03:10 on Tuesday are one night.

Google's SRE book (chapter 11, "Being On-Call") bounds a 12-hour shift at two incidents: `BEARABLE`.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

NIGHT_FROM, NIGHT_TO = 22, 7
NOON = timedelta(hours=12)
BEARABLE = 2.0  # incidents in 12 hours on call


@dataclass(frozen=True, slots=True)
class Ring:
    """`at` in UTC; `person` is a username."""

    at: datetime
    person: str
    incident: int


@dataclass(frozen=True, slots=True)
class Turn:
    """A stretch of time that a person was on call."""

    person: str
    start: datetime
    end: datetime


@dataclass(frozen=True, slots=True)
class Person:
    """Who was told: `pages` and `incidents` in all, `at_night` of the pages, `nights` that they fell in; `shifts` begun or held in the
    range, `in_shifts` pages while on call, `most` in one shift."""

    username: str
    pages: int
    incidents: int
    at_night: int
    nights: int
    shifts: int
    hours: float
    in_shifts: int
    most: int

    @property
    def a_shift(self) -> float | None:
        """Pages a shift: 9 in 4 shifts are 2.25; None without a shift."""
        return self.in_shifts / self.shifts if self.shifts else None

    @property
    def per_12_hours(self) -> float | None:
        """Incidents in 12 hours on call: 9 in 168 h are 0.64."""
        return self.incidents * 12 / self.hours if self.hours > 0 else None


@dataclass(frozen=True, slots=True)
class Burden:
    """All people, the most paged first; `by_hour` counts pages by the hour of day where the person lives."""

    people: tuple[Person, ...]
    by_hour: tuple[int, ...]

    @property
    def pages(self) -> int:
        return sum(self.by_hour)

    @property
    def nights(self) -> int:
        """Nights that somebody was woken in; two people in one night are two."""
        return sum(person.nights for person in self.people)

    @property
    def woken(self) -> int:
        return sum(person.nights > 0 for person in self.people)

    @property
    def a_shift(self) -> float | None:
        shifts = sum(person.shifts for person in self.people)
        return sum(person.in_shifts for person in self.people) / shifts if shifts else None


def night_of(at: datetime, zone: ZoneInfo) -> date | None:
    """The day on whose evening the night began; None by day.

    >>> night_of(datetime.fromisoformat("2026-11-17T03:10+00:00"), ZoneInfo("Europe/Vienna"))
    datetime.date(2026, 11, 16)
    """
    local = at.astimezone(zone)
    return (local - NOON).date() if local.hour >= NIGHT_FROM or local.hour < NIGHT_TO else None


def burden(*, rings: Iterable[Ring], turns: Iterable[Turn], zones: Mapping[str, ZoneInfo]) -> Burden:
    """Rings counted by person, by shift and by hour; whose zone is not known lives in UTC."""
    utc = ZoneInfo("UTC")
    by_hour = [0] * 24
    told: dict[str, list[Ring]] = defaultdict(list)
    for ring in rings:
        by_hour[ring.at.astimezone(zones.get(ring.person, utc)).hour] += 1
        told[ring.person].append(ring)
    held: dict[str, list[Turn]] = defaultdict(list)
    for turn in turns:
        held[turn.person].append(turn)
    people = [_person(name, told.get(name, ()), held.get(name, ()), zones.get(name, utc)) for name in {*told, *held}]
    return Burden(tuple(sorted(people, key=lambda one: (-one.pages, one.username))), tuple(by_hour))


def _person(username: str, rings: Sequence[Ring], turns: Sequence[Turn], zone: ZoneInfo) -> Person:
    nights = [night for ring in rings if (night := night_of(ring.at, zone)) is not None]
    stretches = _joined(turns)
    counts = [0] * len(stretches)
    starts = [turn.start for turn in stretches]
    for ring in rings:
        place = bisect_right(starts, ring.at) - 1
        if place >= 0 and ring.at < stretches[place].end:
            counts[place] += 1
    return Person(
        username=username,
        pages=len(rings),
        incidents=len({ring.incident for ring in rings}),
        at_night=len(nights),
        nights=len(set(nights)),
        shifts=len(stretches),
        hours=sum((turn.end - turn.start).total_seconds() for turn in stretches) / 3600,
        in_shifts=sum(counts),
        most=max(counts, default=0),
    )


def _joined(turns: Iterable[Turn]) -> list[Turn]:
    """One person's stretches without overlap: on call in two schedules at once is one shift."""
    found: list[Turn] = []
    for turn in sorted(turns, key=lambda one: (one.start, one.end)):
        if found and turn.start < found[-1].end:
            found[-1] = Turn(turn.person, found[-1].start, max(found[-1].end, turn.end))
        else:
            found.append(turn)
    return found
