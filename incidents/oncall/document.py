"""A schedule as a document: what people write, what the API takes and gives, and what a version keeps. Pure.

    zone: Europe/Paris
    layers:
      - name: weekly
        unit: weekly
        starts: 2026-01-05T09:00
        members: [{people: [ana]}, {people: [ben]}, {people: [cleo], joins: 2026-03-02T09:00}]
      - name: office
        unit: daily
        starts: 2026-01-05T09:00
        members: [{people: [dora]}, {people: [eve]}]
        hours: [{days: [mon, tue, wed, thu, fri], start: "09:00", minutes: 480}]
        holidays: {country: FR, mode: "off"}

Times of a rotation are wall times in the layer's zone, else the schedule's; people are usernames.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime, time
from itertools import pairwise
from typing import Annotated, Literal, Self
from zoneinfo import ZoneInfo, available_timezones

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    ConfigDict,
    Field,
    NaiveDatetime,
    ValidationError,
    model_validator,
)

from incidents.oncall.rotation import Member, Rotation, Unit
from incidents.oncall.schedule import Holidays, Hours, Layer, Shift
from observability.core.refusals import Refused

Day = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
DAYS: tuple[Day, ...] = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
WEEK_MINUTES = 7 * 24 * 60


class ScheduleInvalidError(Refused):
    """The document is refused whole; `problems` are sentences with the place, what was found and what was expected."""

    def __init__(self, problems: tuple[str, ...]) -> None:
        super().__init__("; ".join(problems))
        self.problems = problems


def _zone(name: str) -> str:
    if name not in available_timezones():
        raise ValueError(f"{name!r} is no time zone of the IANA list; expected a name such as Europe/Paris")
    return name


def _minute(at: time) -> time:
    if at.tzinfo is not None:
        raise ValueError("an hour of the day has no zone of its own; the layer has one")
    return at.replace(second=0, microsecond=0)


Zone = Annotated[str, AfterValidator(_zone)]
Username = Annotated[str, Field(min_length=1, max_length=150)]


class Document(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class MemberDocument(Document):
    """One turn: usually one person, or several who share it; `joins` and `leaves` are wall times."""

    people: tuple[Username, ...] = Field(min_length=1)
    joins: NaiveDatetime | None = None
    leaves: NaiveDatetime | None = None


class HoursDocument(Document):
    """On these days from `start` for so many minutes of wall time, over midnight too."""

    days: tuple[Day, ...] = Field(default=DAYS, min_length=1)
    start: Annotated[time, AfterValidator(_minute)]
    minutes: int = Field(ge=1, le=WEEK_MINUTES)


class HolidaysDocument(Document):
    """Public holidays of a country (ISO 3166 code) and its subdivision: off then, or only then."""

    country: str = Field(min_length=2, max_length=3)
    subdivision: str | None = None
    mode: Literal["off", "only"] = "off"


class ShiftDocument(Document):
    """A fixed shift, such as a calendar's event."""

    starts: AwareDatetime
    ends: AwareDatetime
    people: tuple[Username, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.ends <= self.starts:
            raise ValueError("a shift ends after it starts")
        return self


class LayerDocument(Document):
    """A rotation (`starts`, `unit`, `every`, `members`) or fixed `shifts`, within `hours` and `holidays`."""

    name: str = Field(min_length=1, max_length=100)
    zone: Zone | None = None
    unit: Unit = Unit.WEEKLY
    every: int = Field(default=1, ge=1, le=1000)
    starts: NaiveDatetime | None = None
    until: NaiveDatetime | None = None
    members: tuple[MemberDocument, ...] = Field(default=(), max_length=200)
    shifts: tuple[ShiftDocument, ...] = Field(default=(), max_length=5000)
    hours: tuple[HoursDocument, ...] = Field(default=(), max_length=50)
    holidays: HolidaysDocument | None = None

    @model_validator(mode="after")
    def _is_one_of_both(self) -> Self:
        if bool(self.members) == bool(self.shifts):
            raise ValueError("a layer has either members, who take turns, or fixed shifts")
        if self.members and self.starts is None:
            raise ValueError("a layer with members says when the first turn starts, as a wall time")
        if self.until is not None and self.starts is not None and self.until <= self.starts:
            raise ValueError("a layer ends after it starts")
        return self


class ScheduleDocument(Document):
    """Layers, lowest first: a later one counts where it has somebody."""

    zone: Zone = "UTC"
    layers: tuple[LayerDocument, ...] = Field(min_length=1, max_length=30)

    def people(self) -> frozenset[str]:
        """Every username in it."""
        return frozenset(
            name
            for layer in self.layers
            for names in (*(m.people for m in layer.members), *(s.people for s in layer.shifts))
            for name in names
        )


def parse(given: object) -> ScheduleDocument:
    """The document, or ScheduleInvalidError with all that is wrong."""
    try:
        return ScheduleDocument.model_validate(given)
    except ValidationError as error:
        raise ScheduleInvalidError(tuple(_sentences(error))) from None


def known_zone(name: str) -> str:
    """The name where it is of the IANA list, or ScheduleInvalidError."""
    try:
        return _zone(name)
    except ValueError as error:
        raise ScheduleInvalidError((str(error),)) from None


def stored(document: ScheduleDocument) -> dict[str, object]:
    """The document as JSON, without what is left at its default."""
    return document.model_dump(mode="json", exclude_defaults=True)


def layers(document: ScheduleDocument, *, holidays: Mapping[HolidaysDocument, frozenset[date]]) -> tuple[Layer, ...]:
    """The layers to compute with; `holidays` has the dates of each calendar that the document names."""
    return tuple(_layer(one, document.zone, holidays) for one in document.layers)


def _layer(one: LayerDocument, zone_name: str, holidays: Mapping[HolidaysDocument, frozenset[date]]) -> Layer:
    zone = ZoneInfo(one.zone or zone_name)
    rotation = None
    if one.starts is not None and one.members:
        members = tuple(Member(member.people, member.joins, member.leaves) for member in one.members)
        rotation = Rotation(members, one.starts, zone, one.unit, one.every, one.until)
    fixed = sorted(
        (Shift(s.starts.astimezone(UTC), s.ends.astimezone(UTC), s.people, one.name) for s in one.shifts),
        key=lambda shift: (shift.start, shift.end),
    )
    return Layer(
        name=one.name,
        zone=zone,
        rotation=rotation,
        fixed=_in_turn(fixed),
        hours=tuple(Hours(tuple(DAYS.index(day) for day in h.days), h.start, h.minutes) for h in one.hours),
        holidays=Holidays(one.holidays.mode) if one.holidays is not None else Holidays.AS_ALWAYS,
        holiday_dates=holidays.get(one.holidays, frozenset()) if one.holidays is not None else frozenset(),
    )


def _in_turn(fixed: list[Shift]) -> tuple[Shift, ...]:
    """Fixed shifts may overlap in a calendar: where they do, both people are on call."""
    edges = sorted({edge for shift in fixed for edge in (shift.start, shift.end)})
    found: list[Shift] = []
    first = 0
    for begin, end in pairwise(edges):
        while first < len(fixed) and fixed[first].end <= begin:
            first += 1
        here = [s for s in _starting_before(fixed, first, end) if s.end > begin]
        people = tuple(dict.fromkeys(person for shift in here for person in shift.people))
        if people:
            found.append(Shift(begin, end, people, here[0].source))
    return tuple(found)


def _starting_before(fixed: list[Shift], first: int, end: datetime) -> Iterator[Shift]:
    for shift in fixed[first:]:
        if shift.start >= end:
            return
        yield shift


def _sentences(error: ValidationError) -> Iterator[str]:
    for one in error.errors(include_url=False):
        place = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in one["loc"]).lstrip(".")
        found = f", found {one['input']!r:.80}" if isinstance(one["input"], str | int | float) else ""
        yield f"{place or 'the schedule'}: {one['msg'].removeprefix('Value error, ')}{found}"
