"""Schedules as pages, pages and feeds ask for them: loaded in as many queries for one as for a hundred."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import lru_cache

import holidays
from django.db.models import Prefetch, QuerySet

from incidents.oncall import document as documents
from incidents.oncall import schedule as pure
from incidents.oncall.document import HolidaysDocument, ScheduleDocument
from incidents.oncall.models import CalendarFeed, HandoverNote, Schedule, ScheduleGap, ScheduleOverride, ScheduleVersion
from incidents.oncall.schedule import MOMENT, Override, OverrideKind, Shift, Version
from observability.core import tokens
from observability.core.models import Organisation


@dataclass(frozen=True, slots=True)
class Plan:
    """A schedule ready to compute with, for the range that it was loaded for."""

    schedule: Schedule
    versions: tuple[Version, ...]
    overrides: tuple[Override, ...]

    def shifts(self, *, start: datetime, end: datetime) -> list[Shift]:
        return pure.shifts(versions=self.versions, overrides=self.overrides, start=start, end=end)

    def on_call(self, at: datetime) -> Shift | None:
        return pure.on_call(versions=self.versions, overrides=self.overrides, at=at)


def schedules(*, organisation: Organisation) -> QuerySet[Schedule]:
    """Those in use, by name."""
    return Schedule.objects.filter(organisation=organisation, archived_at=None)


def schedule(*, organisation: Organisation, slug: str) -> Schedule | None:
    return Schedule.objects.filter(organisation=organisation, slug=slug).first()


def plan(*, schedule: Schedule, start: datetime, end: datetime) -> Plan:
    """One schedule over [start, end): what counted then, edits since notwithstanding."""
    return plans(found=[schedule], start=start, end=end)[0]


def plans(*, found: Iterable[Schedule], start: datetime, end: datetime) -> list[Plan]:
    """Schedules over [start, end), in two queries."""
    listed = list(found)
    versions: dict[int, list[ScheduleVersion]] = {one.pk: [] for one in listed}
    for row in ScheduleVersion.objects.filter(schedule__in=listed, valid_from__lt=end).order_by("valid_from"):
        kept = versions[row.schedule_id]
        if row.valid_from <= start:
            kept.clear()  # superseded before the range begins: its document need not even be read
        kept.append(row)
    overrides: dict[int, list[Override]] = {one.pk: [] for one in listed}
    rows = ScheduleOverride.objects.filter(schedule__in=listed, ends_at__gt=start, starts_at__lt=end)
    for override in rows.order_by("made_at", "pk"):
        if (read := _override(override)) is not None:
            overrides[override.schedule_id].append(read)
    return [
        Plan(one, tuple(_version(row, end) for row in versions[one.pk]), tuple(overrides[one.pk])) for one in listed
    ]


def now_on_call(*, organisation: Organisation, at: datetime) -> list[tuple[Schedule, Shift | None]]:
    """Every schedule with who has it at an instant, past or future."""
    found = plans(found=schedules(organisation=organisation), start=at, end=at + MOMENT)
    return [(one.schedule, one.on_call(at)) for one in found]


def shifts_of(
    *, organisation: Organisation, username: str, start: datetime, end: datetime
) -> list[tuple[Schedule, Shift]]:
    """One person's shifts in all schedules, first to last; those that they shadow too."""
    mine = [
        (one.schedule, shift)
        for one in plans(found=schedules(organisation=organisation), start=start, end=end)
        for shift in one.shifts(start=start, end=end)
        if username in shift.people or username in shift.shadows
    ]
    return sorted(mine, key=lambda pair: (pair[1].start, pair[0].name))


def current_document(*, schedule: Schedule, at: datetime) -> ScheduleDocument | None:
    """The document that counts at an instant; before the first version the first one."""
    rows = ScheduleVersion.objects.filter(schedule=schedule)
    row = rows.filter(valid_from__lte=at).order_by("-valid_from").first() or rows.order_by("valid_from").first()
    return None if row is None else documents.parse(row.document)


def notes(*, schedule: Schedule, limit: int = 10) -> Sequence[HandoverNote]:
    """Hand-over notes, newest first."""
    return list(HandoverNote.objects.filter(schedule=schedule)[:limit])


def feed(*, token: str) -> CalendarFeed | None:
    """The feed of a secret address; of who left the organisation there is none."""
    found = CalendarFeed.objects.select_related("organisation", "schedule", "user")
    return found.filter(token_hash=tokens.hash_token(token), user__is_active=True).first()


def with_watch(*, organisation: Organisation) -> QuerySet[Schedule]:
    """For the list page: open gaps come along."""
    ahead = Prefetch("gaps", ScheduleGap.objects.filter(closed_at=None), to_attr="open_gaps")
    return schedules(organisation=organisation).prefetch_related(ahead)


def _version(row: ScheduleVersion, end: datetime) -> Version:
    read = _read(json.dumps(row.document))
    dates = {
        layer.holidays: _dates(layer.holidays.country, layer.holidays.subdivision, end.year)
        for layer in read.layers
        if layer.holidays is not None
    }
    return Version(row.valid_from, documents.layers(read, holidays=dates))


@lru_cache(maxsize=256)
def _read(text: str) -> ScheduleDocument:
    """Documents never change once written, and most questions are about the same few."""
    return ScheduleDocument.model_validate_json(text)


@lru_cache(maxsize=128)
def _dates(country: str, subdivision: str | None, year: int) -> frozenset[date]:
    """Public holidays of the year before, this one and the next two."""
    return frozenset(holidays.country_holidays(country, subdiv=subdivision, years=range(year - 1, year + 3)))


def _override(row: ScheduleOverride) -> Override | None:
    ends_at = row.ends_at if row.cancelled_at is None else min(row.ends_at, row.cancelled_at)
    if ends_at <= row.starts_at:
        return None
    return Override(OverrideKind(row.kind), row.username, row.starts_at, ends_at, row.instead_of or None)


def holiday_calendar(asked: HolidaysDocument) -> str:
    """An empty string where the calendar exists, else what is wrong with it."""
    try:
        holidays.country_holidays(asked.country, subdiv=asked.subdivision, years=2026)
    except NotImplementedError as error:
        return str(error)
    return ""
