"""Schedules, overrides, swaps, notes, feeds over REST: all that the on-call pages do."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, Literal

from django.http import Http404
from ninja import Query, Router, Schema, Status
from pydantic import AwareDatetime, Field

from incidents.oncall import queries, services
from incidents.oncall.api.lookups import team_of
from incidents.oncall.document import ScheduleDocument, Username
from incidents.oncall.models import HandoverNote, Schedule, ScheduleOverride, Swap
from incidents.oncall.schedule import OverrideKind, Shift, gaps
from incidents.oncall.services.overrides import active
from incidents.oncall.views import ANSWERS
from observability.core.access import Request

router = Router(tags=["on call"])
LONGEST_RANGE = timedelta(days=400)


class ShiftOut(Schema):
    start: datetime
    end: datetime
    people: list[str]
    shadows: list[str]
    source: str


class GapOut(Schema):
    start: datetime
    end: datetime


class ScheduleOut(Schema):
    slug: str
    name: str
    covers_always: bool
    team: str | None = Field(None, alias="team.slug")


class ScheduleWhole(ScheduleOut):
    document: dict[str, Any]


class ScheduleIn(Schema):
    name: str = Field(min_length=1, max_length=200)
    document: ScheduleDocument
    covers_always: bool = True
    team: str = ""
    valid_from: AwareDatetime | None = Field(None, description="from when it counts; now where left out")


class OnCallOut(Schema):
    schedule: str
    shift: ShiftOut | None


class Range(Schema):
    start: AwareDatetime
    end: AwareDatetime


class At(Schema):
    at: AwareDatetime | None = None


class OverrideOut(Schema):
    id: int
    kind: OverrideKind
    username: str
    instead_of: str
    starts_at: datetime
    ends_at: datetime
    reason: str
    made_by: str
    cancelled_at: datetime | None


class OverrideIn(Schema):
    username: Username
    starts_at: AwareDatetime
    ends_at: AwareDatetime
    kind: OverrideKind = OverrideKind.COVER
    instead_of: str = ""
    reason: str = Field("", max_length=300)


class SwapOut(Schema):
    id: int
    schedule: str = Field(alias="schedule.slug")
    asker: str
    taker: str
    starts_at: datetime
    ends_at: datetime
    back_starts_at: datetime | None
    back_ends_at: datetime | None
    state: str
    note: str


class SwapIn(Schema):
    starts_at: AwareDatetime
    ends_at: AwareDatetime
    taker: str = ""
    back_starts_at: AwareDatetime | None = None
    back_ends_at: AwareDatetime | None = None
    note: str = Field("", max_length=300)


class NoteOut(Schema):
    at: datetime
    author: str
    text: str


class NoteIn(Schema):
    text: str = Field(min_length=1, max_length=4000)


class CalendarIn(Schema):
    address: str = Field(max_length=2000, description="https:, http: or webcal:")
    zone: str = Field("UTC", description="of times without a zone, and of whole days")


class CalendarOut(Schema):
    events: int
    nobody_known_in: list[str]


class FeedOut(Schema):
    address: str


@router.get("/oncall", response=list[OnCallOut], summary="Who is on call in every schedule, at any instant")
def oncall(request: Request, asked: Query[At]) -> list[dict[str, Any]]:
    found = queries.now_on_call(organisation=request.organisation, at=asked.at or request.moment)
    return [{"schedule": schedule.slug, "shift": shift} for schedule, shift in found]


@router.get("/oncall/me", response=list[OnCallOut], summary="My shifts")
def mine(request: Request, asked: Query[Range]) -> list[dict[str, Any]]:
    _bounded(asked)
    found = queries.shifts_of(
        organisation=request.organisation, username=request.user.username, start=asked.start, end=asked.end
    )
    return [{"schedule": schedule.slug, "shift": shift} for schedule, shift in found]


@router.get("/schedules", response=list[ScheduleOut], summary="Schedules in use")
def schedules(request: Request) -> list[Schedule]:
    return list(queries.schedules(organisation=request.organisation).select_related("team"))


@router.get("/schedules/{slug}", response=ScheduleWhole, summary="One schedule with its document")
def schedule(request: Request, slug: str) -> dict[str, Any]:
    found = _schedule(request, slug)
    document = queries.current_document(schedule=found, at=request.moment)
    kept = document.model_dump(mode="json", exclude_defaults=True) if document is not None else {}
    return {**ScheduleOut.from_orm(found).dict(by_alias=False), "document": kept}


@router.put(
    "/schedules/{slug}", response=ScheduleOut, summary="Make or change a schedule, from now or a later instant on"
)
def put_schedule(request: Request, slug: str, body: ScheduleIn) -> Schedule:
    return services.save_schedule(
        organisation=request.organisation,
        slug=slug,
        name=body.name,
        document=body.document,
        covers_always=body.covers_always,
        team=team_of(request, body.team),
        valid_from=body.valid_from,
        actor=request.actor,
        now=request.moment,
    )


@router.delete("/schedules/{slug}", response={204: None}, summary="Nobody is on call in it any more; its past stays")
def archive(request: Request, slug: str) -> Status[None]:
    services.archive_schedule(schedule=_schedule(request, slug), actor=request.actor, now=request.moment)
    return Status(204, None)


@router.get("/schedules/{slug}/shifts", response=list[ShiftOut], summary="Who has it when, past or future")
def shifts(request: Request, slug: str, asked: Query[Range]) -> list[Shift]:
    return _shifts(request, slug, asked)


@router.get("/schedules/{slug}/gaps", response=list[GapOut], summary="When nobody has it")
def schedule_gaps(request: Request, slug: str, asked: Query[Range]) -> list[dict[str, Any]]:
    found = gaps(found=_shifts(request, slug, asked), start=asked.start, end=asked.end)
    return [{"start": start, "end": end} for start, end in found]


@router.get("/schedules/{slug}/overrides", response=list[OverrideOut], summary="Overrides that count now or later")
def overrides(request: Request, slug: str) -> list[ScheduleOverride]:
    return active(schedule=_schedule(request, slug), now=request.moment)


@router.post("/schedules/{slug}/overrides", response={201: OverrideOut}, summary="Put a person in; 409 where taken")
def add_override(request: Request, slug: str, body: OverrideIn) -> Status[ScheduleOverride]:
    found = _schedule(request, slug)
    return Status(201, services.add_override(schedule=found, actor=request.actor, now=request.moment, **body.dict()))


@router.delete("/schedules/{slug}/overrides/{int:pk}", response=OverrideOut, summary="End an override now")
def cancel_override(request: Request, slug: str, pk: int) -> ScheduleOverride:
    found = _schedule(request, slug).overrides.filter(pk=pk).select_related("schedule").first()
    if found is None:
        raise Http404(f"There is no override {pk} in {slug}.")
    return services.cancel_override(override=found, actor=request.actor, now=request.moment)


@router.post("/schedules/{slug}/swaps", response={201: SwapOut}, summary="Ask somebody, or anyone, to take my shift")
def ask_swap(request: Request, slug: str, body: SwapIn) -> Status[Swap]:
    back = (body.back_starts_at, body.back_ends_at) if body.back_starts_at and body.back_ends_at else None
    swap = services.ask_swap(
        schedule=_schedule(request, slug),
        window=(body.starts_at, body.ends_at),
        back=back,
        taker=body.taker,
        note=body.note,
        actor=request.actor,
        now=request.moment,
    )
    return Status(201, swap)


@router.get("/schedules/{slug}/swaps", response=list[SwapOut], summary="Swaps, asked and answered")
def swaps(request: Request, slug: str) -> list[Swap]:
    return list(_schedule(request, slug).swaps.select_related("schedule").order_by("-starts_at")[:200])


@router.post("/swaps/{int:pk}/{verb}", response=SwapOut, summary="Accept, decline or withdraw a swap")
def answer_swap(request: Request, pk: int, verb: Literal["accept", "decline", "withdraw"]) -> Swap:
    found = Swap.objects.filter(pk=pk, schedule__organisation=request.organisation).select_related("schedule").first()
    if found is None:
        raise Http404(f"There is no swap {pk} here.")
    return ANSWERS[verb](swap=found, actor=request.actor, now=request.moment)


@router.get("/schedules/{slug}/notes", response=list[NoteOut], summary="Hand-over notes, newest first")
def notes(request: Request, slug: str) -> list[HandoverNote]:
    return list(queries.notes(schedule=_schedule(request, slug), limit=50))


@router.post("/schedules/{slug}/notes", response={201: NoteOut}, summary="Leave a note for the next one")
def add_note(request: Request, slug: str, body: NoteIn) -> Status[HandoverNote]:
    found = _schedule(request, slug)
    return Status(201, services.add_note(schedule=found, text=body.text, actor=request.actor, now=request.moment))


@router.put("/schedules/{slug}/calendar", response=CalendarOut, summary="Follow an iCal address, read again every hour")
def follow_calendar(request: Request, slug: str, body: CalendarIn) -> dict[str, Any]:
    events = services.follow_calendar(
        schedule=_schedule(request, slug), address=body.address, zone=body.zone, actor=request.actor, now=request.moment
    )
    return {"events": len(events), "nobody_known_in": sorted({one.title for one in events if not one.people})}


@router.delete("/schedules/{slug}/calendar", response={204: None}, summary="The calendar is not read any more")
def leave_calendar(request: Request, slug: str) -> Status[None]:
    services.leave_calendar(schedule=_schedule(request, slug), actor=request.actor, now=request.moment)
    return Status(204, None)


@router.post("/schedules/{slug}/feed", response=FeedOut, summary="A new secret iCal address; the one before ends")
def make_feed(request: Request, slug: str) -> dict[str, str]:
    return _feed(request, _schedule(request, slug))


@router.post("/oncall/me/feed", response=FeedOut, summary="A new secret iCal address of my shifts")
def make_my_feed(request: Request) -> dict[str, str]:
    return _feed(request, None)


def _schedule(request: Request, slug: str) -> Schedule:
    found = (
        Schedule.objects.filter(organisation=request.organisation, slug=slug)
        .select_related("organisation", "team")
        .first()
    )
    if found is None:
        raise Http404(f"There is no schedule {slug} here.")
    return found


def _shifts(request: Request, slug: str, asked: Range) -> list[Shift]:
    _bounded(asked)
    loaded = queries.plan(schedule=_schedule(request, slug), start=asked.start, end=asked.end)
    return loaded.shifts(start=asked.start, end=asked.end)


def _bounded(asked: Range) -> None:
    if not asked.start < asked.end <= asked.start + LONGEST_RANGE:
        raise services.OverrideInvalid("The range ends after it starts and has 400 days at most.")


def _feed(request: Request, schedule: Schedule | None) -> dict[str, str]:
    address = services.make_feed(
        organisation=request.organisation,
        user=request.user,
        schedule=schedule,
        actor=request.actor,
        now=request.moment,
    )
    return {"address": address}
