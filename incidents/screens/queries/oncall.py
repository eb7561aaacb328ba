"""The on-call pages: every schedule with who has it now and next, and one schedule with its calendar."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from incidents.oncall.days import Day, NowNext, Stretch, days, monday, named, now_next, stretches, weeks
from incidents.oncall.models import (
    CalendarSource,
    HandoverNote,
    Schedule,
    ScheduleGap,
    ScheduleOverride,
    ShiftNotice,
    Swap,
)
from incidents.oncall.queries import notes, plan, plans
from incidents.oncall.queries.policies import with_steps
from incidents.oncall.queries.rota import current_document, with_watch
from incidents.oncall.schedule import Shift
from incidents.oncall.services.overrides import active
from incidents.oncall.walltime import midnight, wall
from observability.core import words
from observability.core.models import Organisation, User

AHEAD = timedelta(days=28)
MINE_AHEAD = timedelta(days=60)
WEEKS = 5
NOTICES = 8


@dataclass(frozen=True, slots=True)
class ScheduleRow:
    """A schedule in one line."""

    schedule: Schedule
    now: str
    shadows: str
    until: datetime | None
    following: str
    gaps: tuple[ScheduleGap, ...]
    mine: bool


@dataclass(frozen=True, slots=True)
class MyShift:
    schedule: Schedule
    shift: Shift
    here: bool
    shadow: bool


@dataclass(frozen=True, slots=True)
class Overview:
    headline: str
    rest: str
    rows: tuple[ScheduleRow, ...]
    mine: tuple[MyShift, ...]
    swaps: tuple[Swap, ...]
    notices: tuple[ShiftNotice, ...]
    policies: tuple[tuple[str, str, str, str], ...]
    names: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Sheet:
    """One schedule's page; `asked` is who has it at the instant that the reader asked about."""

    schedule: Schedule
    headline: str
    now_next: NowNext
    now: str
    following: str
    shadows: str
    weeks: tuple[tuple[Day, ...], ...]
    stretches: tuple[Stretch, ...]
    names: Mapping[str, str]
    earlier: str
    later: str
    zone: str
    gaps: tuple[ScheduleGap, ...]
    overrides: tuple[ScheduleOverride, ...]
    swaps: tuple[Swap, ...]
    notes: tuple[HandoverNote, ...]
    people: tuple[User, ...]
    document: Mapping[str, object]
    calendar: CalendarSource | None
    asked_at: datetime | None
    asked: str


def overview(*, organisation: Organisation, user: User, now: datetime) -> Overview:
    """All schedules, then what concerns the reader."""
    found = list(with_watch(organisation=organisation))
    loaded = plans(found=found, start=now, end=now + MINE_AHEAD)
    listed = {one.schedule.pk: one.shifts(start=now, end=now + MINE_AHEAD) for one in loaded}
    rows_of_swaps = Swap.objects.filter(schedule__in=found, state=Swap.State.ASKED, starts_at__gt=now)
    asked = [
        swap
        for swap in rows_of_swaps.select_related("schedule")
        if user.username in {swap.asker, swap.taker} or not swap.taker
    ]
    names = names_of(
        (shift for shifts in listed.values() for shift in shifts),
        also=[name for swap in asked for name in (swap.asker, swap.taker)],
    )
    rows = tuple(_row(one, listed[one.pk], names, now, user.username) for one in found)
    mine = sorted(
        (
            MyShift(one, shift, shift.start <= now, user.username not in shift.people)
            for one in found
            for shift in listed[one.pk]
            if user.username in (*shift.people, *shift.shadows)
        ),
        key=lambda entry: entry.shift.start,
    )
    return Overview(
        headline=_headline(rows),
        rest=_rest(rows),
        rows=rows,
        mine=tuple(mine[:12]),
        swaps=tuple(asked),
        notices=tuple(
            ShiftNotice.objects.filter(organisation=organisation, user=user).select_related("schedule")[:NOTICES]
        ),
        policies=_policies(organisation),
        names=names,
    )


def sheet(
    *, schedule: Schedule, user: User, zone: ZoneInfo, now: datetime, week: int = 0, asked_at: datetime | None = None
) -> Sheet:
    """One schedule: now and next, five weeks from this one (or `week` weeks on), overrides, swaps, notes."""
    start = midnight(wall(monday(now, zone), zone).date() + timedelta(weeks=week), zone)
    end = midnight(wall(start, zone).date() + timedelta(weeks=WEEKS), zone)
    loaded = plan(schedule=schedule, start=min(start, now), end=max(end, now + AHEAD))
    ahead = loaded.shifts(start=now, end=now + AHEAD)
    shown = loaded.shifts(start=start, end=end)
    at = (
        plan(schedule=schedule, start=asked_at, end=asked_at + timedelta(seconds=1)).on_call(asked_at)
        if asked_at
        else None
    )
    names = names_of([*ahead, *shown, *([at] if at else [])])
    seen = now_next(found=ahead, now=now)
    # Before it was made nobody was to be on call.
    since = schedule.created_at if schedule.covers_always else None
    listed = days(
        found=shown, start=start, end=end, now=now, zone=zone, names=names, me=user.username,
        gaps_since=since,
    )  # fmt: skip
    document = current_document(schedule=schedule, at=now)
    members = User.objects.filter(memberships__organisation=schedule.organisation, is_active=True)
    people = tuple(members.order_by("username"))
    return Sheet(
        schedule=schedule,
        headline=_said(schedule, seen, names),
        now_next=seen,
        now=named(seen.now.people, names) if seen.now else "",
        following=named(seen.following.people, names) if seen.following else "",
        shadows=named(seen.now.shadows, names) if seen.now else "",
        weeks=tuple(tuple(row) for row in weeks(listed)),
        stretches=tuple(
            stretches(
                found=shown,
                start=start,
                end=end,
                now=now,
                names=names,
                me=user.username,
                gaps_since=since,
            )
        ),
        names={person.username: str(person) for person in people},
        earlier=str(week - WEEKS),
        later=str(week + WEEKS),
        zone=str(zone),
        gaps=tuple(schedule.gaps.filter(closed_at=None)),
        overrides=tuple(active(schedule=schedule, now=now)),
        swaps=tuple(schedule.swaps.filter(state=Swap.State.ASKED, starts_at__gt=now)),
        notes=tuple(notes(schedule=schedule, limit=5)),
        calendar=CalendarSource.objects.filter(schedule=schedule).first(),
        people=people,
        document=document.model_dump(mode="json", exclude_defaults=True) if document is not None else {},
        asked_at=asked_at,
        asked=(named(at.people, names) if at else "nobody") if asked_at else "",
    )


def names_of(shifts: Iterable[Shift], *, also: Iterable[str] = ()) -> dict[str, str]:
    """Display names of everyone in the shifts, in one query."""
    usernames = {name for shift in shifts for name in (*shift.people, *shift.shadows)} | set(also)
    return {user.username: str(user) for user in User.objects.filter(username__in=usernames)}


def _row(schedule: Schedule, found: list[Shift], names: Mapping[str, str], now: datetime, me: str) -> ScheduleRow:
    seen = now_next(found=found, now=now)
    return ScheduleRow(
        schedule=schedule,
        now=named(seen.now.people, names) if seen.now else "",
        shadows=named(seen.now.shadows, names) if seen.now else "",
        until=seen.until,
        following=named(seen.following.people, names) if seen.following else "",
        gaps=tuple(getattr(schedule, "open_gaps", ())),
        mine=seen.now is not None and me in seen.now.people,
    )


def _headline(rows: tuple[ScheduleRow, ...]) -> str:
    mine = [row.schedule.name for row in rows if row.mine]
    if mine:
        return f"You are on call in {words.listed(mine)}."
    covered = [row for row in rows if row.now]
    if not covered:
        return "Nobody is on call." if rows else "No schedule yet."
    people = words.listed(list(dict.fromkeys(row.now for row in covered)))
    return f"{people} {'are' if ' and ' in people else 'is'} on call."


def _rest(rows: tuple[ScheduleRow, ...]) -> str:
    empty = [row.schedule.name for row in rows if not row.now and row.schedule.covers_always]
    gaps = sum(len(row.gaps) for row in rows)
    said = f"Nobody is on call in {words.listed(empty)}. " if empty and len(empty) < len(rows) else ""
    if gaps:
        said += f"{gaps} {'gap lies' if gaps == 1 else 'gaps lie'} ahead in the next two weeks."
    return said


def _said(schedule: Schedule, seen: NowNext, names: Mapping[str, str]) -> str:
    if seen.now is None:
        return f"Nobody is on call in {schedule.name}."
    verb = "is" if len(seen.now.people) == 1 else "are"
    return f"{named(seen.now.people, names)} {verb} on call in {schedule.name}."


def _policies(organisation: Organisation) -> tuple[tuple[str, str, str, str], ...]:
    """Slug, name, what it is for, and its steps in words."""
    rows = with_steps(organisation).select_related("service", "team")
    return tuple(
        (
            row.slug,
            row.name,
            row.meant_for,
            " → ".join(
                words.listed([str(target) for target in step.targets.all()]) or "nobody" for step in row.steps.all()
            ),
        )
        for row in rows
    )
