"""Shifts as a person reads them: who now, who next, and days with what happens in them. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from incidents.oncall.schedule import Shift, gaps
from incidents.oncall.walltime import DAY, Interval, midnight, wall


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of a day: who has it (empty: nobody, a gap), wall times in the reader's zone, "24:00" at the day's end."""

    people: str
    shadows: str
    begins: str
    ends: str
    source: str
    gap: bool
    mine: bool
    here: bool


@dataclass(frozen=True, slots=True)
class Day:
    """One local date with its pieces, first to last."""

    date: date
    today: bool
    pieces: tuple[Piece, ...]

    @property
    def has_gap(self) -> bool:
        return any(piece.gap for piece in self.pieces)


@dataclass(frozen=True, slots=True)
class NowNext:
    """Who has it, until when, and who follows; None where nobody does."""

    now: Shift | None
    following: Shift | None
    until: datetime | None


def now_next(*, found: Sequence[Shift], now: datetime) -> NowNext:
    """`found` begins at `now`. Ana until Monday, then Ben; where a gap comes first, nobody follows at once."""
    current = found[0] if found and found[0].start <= now else None
    rest = found[1:] if current is not None else found
    people = current.people if current is not None else ()
    until = current.end if current is not None else (rest[0].start if rest else None)
    following = None
    for shift in rest:
        if current is not None and shift.people == people and shift.start == until:
            until = shift.end
            continue
        following = shift
        break
    return NowNext(current, following, until)


def days(
    *,
    found: Sequence[Shift],
    start: datetime,
    end: datetime,
    now: datetime,
    zone: ZoneInfo,
    names: Mapping[str, str],
    me: str = "",
    gaps_since: datetime | None = None,
) -> list[Day]:
    """The local days of [start, end), which begin and end at local midnights; holes count as gaps from `gaps_since`."""
    holes = _holes(found, start, end, gaps_since)
    parts = [*found, *(Shift(begin, until, (), "nobody") for begin, until in holes)]
    parts.sort(key=lambda part: part.start)
    listed, day = [], wall(start, zone).date()
    while (begin := midnight(day, zone)) < end:
        until = midnight(day + DAY, zone)
        here = [part.within(begin, until) for part in parts if part.start < until and part.end > begin]
        pieces = tuple(_piece(part, until, now, zone, names, me) for part in here if part.start < part.end)
        listed.append(Day(day, begin <= now < until, pieces))
        day += DAY
    return listed


@dataclass(frozen=True, slots=True)
class Stretch:
    """A whole shift in one line, as a phone shows it; who: empty in a gap."""

    start: datetime
    end: datetime
    people: str
    shadows: str
    mine: bool
    here: bool

    @property
    def gap(self) -> bool:
        return not self.people


def stretches(
    *,
    found: Sequence[Shift],
    start: datetime,
    end: datetime,
    now: datetime,
    names: Mapping[str, str],
    me: str = "",
    gaps_since: datetime | None = None,
) -> list[Stretch]:
    """The shifts and gaps of [start, end), without what is over unless all of it is.

    A weekly rotation over five weeks is five or six lines.
    """
    holes = _holes(found, start, end, gaps_since)
    parts = [*found, *(Shift(begin, until, (), "nobody") for begin, until in holes)]
    return [
        Stretch(
            start=part.start,
            end=part.end,
            people=named(part.people, names),
            shadows=named(part.shadows, names),
            mine=me in part.people,
            here=part.start <= now < part.end,
        )
        for part in sorted(parts, key=lambda part: part.start)
        if part.end > now or end <= now
    ]


def _holes(found: Sequence[Shift], start: datetime, end: datetime, since: datetime | None) -> list[Interval]:
    """What nobody covers, from the moment that it matters; None: it does not."""
    if since is None or since >= end:
        return []
    return [(max(begin, since), until) for begin, until in gaps(found=found, start=start, end=end) if until > since]


def weeks(listed: Sequence[Day]) -> list[Sequence[Day]]:
    """Rows of seven, as they come."""
    return [listed[place : place + 7] for place in range(0, len(listed), 7)]


def monday(at: datetime, zone: ZoneInfo) -> datetime:
    """The local midnight with which the week of `at` begins."""
    day = wall(at, zone).date()
    return midnight(day - timedelta(days=day.weekday()), zone)


def named(people: Sequence[str], names: Mapping[str, str]) -> str:
    """Display names: ("ana", "ben") → "Ana and Ben"; who was deleted keeps the username."""
    return " and ".join(names.get(person, person) for person in people)


def _piece(part: Shift, until: datetime, now: datetime, zone: ZoneInfo, names: Mapping[str, str], me: str) -> Piece:
    return Piece(
        people=named(part.people, names),
        shadows=named(part.shadows, names),
        begins=f"{wall(part.start, zone):%H:%M}",
        ends="24:00" if part.end == until else f"{wall(part.end, zone):%H:%M}",
        source=part.source,
        gap=not part.people,
        mine=me in part.people,
        here=part.start <= now < part.end,
    )
