"""Who is on call: layers one above the other, overrides on top, and what nobody covers. Pure.

A layer is a rotation (or shifts from a calendar) within its hours and holidays; where a higher layer has somebody, it
counts. Versions follow each other in time, so that an edit never changes the past.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

from incidents.oncall.rotation import Rotation, turns
from incidents.oncall.walltime import DAY, Interval, days, holes, instant, merged, midnight

MOMENT = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Hours:
    """A window that begins at wall time `start` on each of `weekdays` (Monday 0) and lasts `minutes` of wall time.

    Friday 17:00 to Monday 09:00 is weekdays (4,), start 17:00, minutes 3840.
    """

    weekdays: tuple[int, ...]
    start: time
    minutes: int


class Holidays(StrEnum):
    """What a layer does on public holidays."""

    AS_ALWAYS = "as always"
    OFF = "off"
    ONLY = "only"


@dataclass(frozen=True, slots=True)
class Shift:
    """[start, end) in UTC and who has it; `source` is the layer's name or what replaced it, `shadows` look on."""

    start: datetime
    end: datetime
    people: tuple[str, ...]
    source: str
    shadows: tuple[str, ...] = ()

    def within(self, start: datetime, end: datetime) -> Shift:
        return Shift(max(self.start, start), min(self.end, end), self.people, self.source, self.shadows)


@dataclass(frozen=True, slots=True)
class Layer:
    """One layer: a rotation or fixed shifts, restricted to `hours` (none: always) and by holidays (local dates)."""

    name: str
    zone: ZoneInfo
    rotation: Rotation | None = None
    fixed: tuple[Shift, ...] = ()
    hours: tuple[Hours, ...] = ()
    holidays: Holidays = Holidays.AS_ALWAYS
    holiday_dates: frozenset[date] = frozenset()


class OverrideKind(StrEnum):
    """COVER takes the whole window; INSTEAD only where `instead_of` is on call; SHADOW looks on and is told too."""

    COVER = "cover"
    INSTEAD = "instead"
    SHADOW = "shadow"


@dataclass(frozen=True, slots=True)
class Override:
    """`user` in [start, end). For INSTEAD and SHADOW `instead_of` is the person replaced or followed (None: whoever)."""

    kind: OverrideKind
    user: str
    start: datetime
    end: datetime
    instead_of: str | None = None


@dataclass(frozen=True, slots=True)
class Version:
    """The layers, lowest first, as they count from `valid_from` on until the next version."""

    valid_from: datetime
    layers: tuple[Layer, ...]


def shifts(
    *, versions: Sequence[Version], overrides: Iterable[Override] = (), start: datetime, end: datetime
) -> list[Shift]:
    """Everything of [start, end): sorted, without overlap; where nobody is on call there is a hole."""
    found: list[Shift] = []
    for position, version in enumerate(versions):
        until = versions[position + 1].valid_from if position + 1 < len(versions) else end
        begin, stop = max(start, version.valid_from), min(end, until)
        if begin < stop:
            found += _layered(version.layers, begin, stop)
    for override in overrides:
        if override.start < end and override.end > start:
            found = _with(found, override, start, end)
    return _joined(found)


def on_call(*, versions: Sequence[Version], overrides: Iterable[Override] = (), at: datetime) -> Shift | None:
    """The part of a shift at one instant, past or future; None where nobody is."""
    found = shifts(versions=versions, overrides=overrides, start=at, end=at + MOMENT)
    return found[0] if found else None


def gaps(*, found: Sequence[Shift], start: datetime, end: datetime) -> list[Interval]:
    """When nobody is on call within [start, end)."""
    return holes(intervals=[(shift.start, shift.end) for shift in found], start=start, end=end)


def layer_shifts(layer: Layer, *, start: datetime, end: datetime) -> list[Shift]:
    """One layer by itself."""
    if layer.rotation is not None:
        whole = [Shift(t.start, t.end, t.people, layer.name) for t in turns(layer.rotation, start=start, end=end)]
    else:
        whole = [shift for shift in layer.fixed if shift.start < end and shift.end > start]
    found = [shift.within(start, end) for shift in whole if shift.people]
    if layer.hours:
        found = _cut(found, open_hours(hours=layer.hours, zone=layer.zone, start=start, end=end))
    if layer.holidays is not Holidays.AS_ALWAYS:
        off = merged(_holidays(layer, start, end))
        found = _cut(found, off if layer.holidays is Holidays.ONLY else holes(intervals=off, start=start, end=end))
    return found


def open_hours(*, hours: Sequence[Hours], zone: ZoneInfo, start: datetime, end: datetime) -> list[Interval]:
    """When the windows are open around [start, end), merged; whole ones also where they reach beyond it."""
    longest = max(one.minutes for one in hours)
    found = []
    for day in days(start=start - timedelta(minutes=longest) - DAY, end=end, zone=zone):
        for one in hours:
            if day.weekday() in one.weekdays:
                begin = datetime.combine(day, one.start)
                found.append((instant(begin, zone), instant(begin + timedelta(minutes=one.minutes), zone)))
    return [window for window in merged(found) if window[1] > start and window[0] < end]


def _holidays(layer: Layer, start: datetime, end: datetime) -> list[Interval]:
    return [
        (midnight(day, layer.zone), midnight(day + DAY, layer.zone))
        for day in days(start=start - DAY, end=end, zone=layer.zone)
        if day in layer.holiday_dates
    ]


def _cut(found: Sequence[Shift], windows: Sequence[Interval]) -> list[Shift]:
    """The parts of the shifts that lie in the windows; both sorted and without overlap."""
    kept, first = [], 0
    for shift in found:
        while first < len(windows) and windows[first][1] <= shift.start:
            first += 1
        place = first
        while place < len(windows) and windows[place][0] < shift.end:
            kept.append(shift.within(*windows[place]))
            place += 1
    return kept


def _layered(layers: Sequence[Layer], start: datetime, end: datetime) -> list[Shift]:
    found: list[Shift] = []
    for layer in layers:
        found = _above(found, layer_shifts(layer, start=start, end=end), start, end)
    return found


def _above(lower: list[Shift], upper: list[Shift], start: datetime, end: datetime) -> list[Shift]:
    """The upper ones, and of the lower ones what they leave open."""
    if not upper or not lower:
        return upper or lower
    free = holes(intervals=[(shift.start, shift.end) for shift in upper], start=start, end=end)
    return sorted([*upper, *_cut(lower, free)], key=lambda shift: shift.start)


def _with(found: list[Shift], override: Override, start: datetime, end: datetime) -> list[Shift]:
    """Only what the override touches is made anew: a year with a hundred of them costs little more than one without."""
    begin, stop = max(start, override.start), min(end, override.end)
    first = bisect_right(found, begin, key=lambda shift: shift.end)
    last = bisect_left(found, stop, key=lambda shift: shift.start)
    touched = found[first:last]
    before = [shift.within(shift.start, begin) for shift in touched[:1] if shift.start < begin]
    after = [shift.within(stop, shift.end) for shift in touched[-1:] if shift.end > stop]
    if override.kind is OverrideKind.COVER:
        middle = [Shift(begin, stop, (override.user,), "override")]
    else:
        middle = [_replaced(shift.within(begin, stop), override) for shift in touched]
    return [*found[:first], *before, *middle, *after, *found[last:]]


def _replaced(shift: Shift, override: Override) -> Shift:
    if override.instead_of is not None and override.instead_of not in shift.people:
        return shift
    if override.kind is OverrideKind.SHADOW:
        looks_on = override.user not in shift.people and override.user not in shift.shadows
        return replace(shift, shadows=(*shift.shadows, override.user)) if looks_on else shift
    people = dict.fromkeys(override.user if person == override.instead_of else person for person in shift.people)
    return replace(shift, people=tuple(people), source="swap")


def _joined(found: Sequence[Shift]) -> list[Shift]:
    """Touching parts of the same people as one shift."""
    joined: list[Shift] = []
    for shift in found:
        last = joined[-1] if joined else None
        if last is not None and last.end == shift.start and _who(last) == _who(shift):
            joined[-1] = Shift(last.start, shift.end, last.people, last.source, last.shadows)
        else:
            joined.append(shift)
    return joined


def _who(shift: Shift) -> tuple[tuple[str, ...], str, tuple[str, ...]]:
    return shift.people, shift.source, shift.shadows
