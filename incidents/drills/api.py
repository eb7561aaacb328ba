"""Drills over REST: what can be broken, start, take part, end, how it went."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from django.http import Http404
from ninja import Query, Router, Schema, Status
from pydantic import Field

from incidents.drills import queries, services
from incidents.drills.models import Drill
from incidents.drills.score import Record
from observability.core.access import Request
from observability.core.models import User
from observability.core.refusals import Refused
from observability.core.rest import PageOf, Paging, page

router = Router(tags=["drills"])


class FaultOut(Schema):
    name: str
    title: str
    what: str
    service: str
    expected_leaf: str


class DrillOut(Schema):
    number: int
    shown: str = Field(description="what is broken; of a surprise only when it is over")
    surprise: bool
    state: str
    started_at: datetime
    ends_at: datetime
    stop_reason: str
    stopped_at: datetime | None
    finished_at: datetime | None
    trouble: str
    incident: int | None = Field(None, alias="incident.number")
    people: list[str]
    score: dict[str, dict[str, Any]] = Field(description="answers and seconds by step; empty until it is over")

    @staticmethod
    def resolve_people(drill: Drill) -> list[str]:
        return [person.username for person in drill.people.all()]


class Start(Schema):
    fault: str = Field("", description="empty: drawn by lot, and told when it is over")
    people: list[str] = Field(min_length=1, description="usernames of who takes part")
    minutes: int = Field(30, ge=5, le=120)


class SpreadOut(Schema):
    best: float | None
    median: float | None
    count: int


class RecordOut(Schema):
    person: str
    fault: str
    drills: int
    last_at: datetime
    right: float
    spreads: dict[str, SpreadOut] = Field(description="seconds from the start of the fault, by step")


@router.get("/drill-faults", response=list[FaultOut], summary="What the simulated fleet can break")
def faults(request: Request) -> Sequence[services.Breakable]:
    return services.faults()


@router.get("/drills", response=PageOf[DrillOut], summary="Drills, newest first")
def drills(request: Request, paging: Query[Paging]) -> dict[str, Any]:
    return page(queries.drills(organisation=request.organisation), paging)


@router.post("/drills", response={201: DrillOut}, summary="Break one thing for these people")
def start(request: Request, body: Start) -> Status[Drill]:
    people = list(
        User.objects.filter(username__in=body.people, memberships__organisation=request.organisation).distinct()
    )
    missing = sorted(set(body.people) - {person.username for person in people})
    if missing:
        raise Refused(f"There is no {missing[0]} here.")
    made = services.start(
        organisation=request.organisation,
        people=people,
        fault=body.fault,
        lasts=timedelta(minutes=body.minutes),
        actor=request.actor,
        now=request.moment,
    )
    return Status(201, made)


@router.get("/drills/history", response=list[RecordOut], summary="Each person with each fault: best and median")
def history(request: Request) -> Sequence[Record]:
    return queries.history(organisation=request.organisation)


@router.get("/drills/{int:number}", response=DrillOut, summary="One drill")
def drill(request: Request, number: int) -> Drill:
    return _load(request, number)


@router.post("/drills/{int:number}/join", response=DrillOut, summary="Take part")
def join(request: Request, number: int) -> Drill:
    services.join(drill=_load(request, number), actor=request.actor, now=request.moment)
    return _load(request, number)


@router.post("/drills/{int:number}/end", response=DrillOut, summary="Stop its fault now")
def end(request: Request, number: int) -> Drill:
    services.end(drill=_load(request, number), actor=request.actor, now=request.moment)
    return _load(request, number)


def _load(request: Request, number: int) -> Drill:
    found = queries.drill(organisation=request.organisation, number=number)
    if found is None:
        raise Http404(f"There is no drill {number} here.")
    return found
