"""How people work an incident, over REST: severity, people, roles, links, snooze, merge, split, and the figures of R26."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any, Literal

from django.http import Http404
from ninja import Query, Router, Schema, Status
from pydantic import AwareDatetime, Field

from incidents.command import queries, services
from incidents.command.models import Duty
from incidents.command.queries import Post
from incidents.command.roles import Role
from incidents.response import services as response
from incidents.response.api import IncidentOut, load
from incidents.response.models import Incident
from incidents.response.severity import Severity
from incidents.screens.queries import times as figures
from observability.core.access import Request
from observability.core.models import User

router = Router(tags=["incident command"])


class SeverityIn(Schema):
    severity: int = Field(ge=1, le=5)
    reason: str = Field("", max_length=300)


class ImpactIn(Schema):
    at: AwareDatetime


class ResponderIn(Schema):
    person: str = Field(description="a username")
    reason: str = Field("", max_length=150)


class LinksIn(Schema):
    chat_url: str = Field("", max_length=500)
    call_url: str = Field("", max_length=500)


class BulkIn(Schema):
    numbers: list[int] = Field(min_length=1, max_length=100)
    verb: Literal["acknowledge", "resolve", "snooze"]
    minutes: int = Field(60, ge=1, le=7 * 1440, description="of a snooze")


class BulkOut(Schema):
    moved: list[int]
    refused: dict[str, str] = Field(description="why, by the incident's name")


class SnoozeIn(Schema):
    until: AwareDatetime


class MergeIn(Schema):
    into: int = Field(description="the number of the incident that goes on")


class SplitIn(Schema):
    alerts: list[int] = Field(min_length=1, max_length=1000)
    title: str = Field(min_length=1, max_length=300)


class LineOut(Schema):
    key: str
    text: str
    done: bool


class PostOut(Schema):
    role: Role
    holder: str | None = Field(None, alias="holder.username")
    offered_to: str | None = Field(None, alias="offered_to.username")
    checklist: list[LineOut] = Field(alias="lines")


class DutyOut(Schema):
    role: Role
    offered_to: str | None = Field(None, alias="offered_to.username")
    ticked: list[str]


class RoleVerb(StrEnum):
    TAKE = "take"
    ACCEPT = "accept"
    DECLINE = "decline"


class OfferIn(Schema):
    to: str = Field(description="a username")


class TickIn(Schema):
    done: bool = True


class SpreadOut(Schema):
    known: int = Field(description="incidents of which both moments are known")
    median: float | None = Field(description="seconds")
    p90: float | None = Field(description="seconds")


class FiguresRow(Schema):
    service: str | None = Field(None, alias="slug", description="null: all services, or none named")
    name: str | None = Field(None, alias="service")
    incidents: int
    detect: SpreadOut
    acknowledge: SpreadOut
    mitigate: SpreadOut


class Figures(Schema):
    since: datetime
    real: list[FiguresRow]
    simulated: list[FiguresRow]
    drills: list[FiguresRow]


class Period(Schema):
    days: int = Field(90, ge=1, le=366)


@router.post("/incidents/bulk", response=BulkOut, summary="Acknowledge, resolve or snooze many incidents at once")
def bulk(request: Request, body: BulkIn) -> dict[str, Any]:
    done = services.act(
        organisation=request.organisation,
        numbers=body.numbers,
        verb=body.verb,
        minutes=body.minutes,
        actor=request.actor,
        now=request.moment,
    )
    return {"moved": [one.number for one in done.moved], "refused": dict(done.refused)}


@router.get("/incident-times", response=Figures, summary="MTTD, MTTA and MTTR: medians and 90th percentiles")
def times(request: Request, period: Query[Period]) -> figures.Table:
    return figures.table(organisation=request.organisation, days=period.days, now=request.moment)


@router.post("/incidents/{int:number}/severity", response=IncidentOut, summary="Raise or lower the severity")
def severity(request: Request, number: int, body: SeverityIn) -> Incident:
    return response.change_severity(
        incident=load(request, number),
        severity=Severity(body.severity),
        actor=request.actor,
        now=request.moment,
        reason=body.reason,
    )


@router.post("/incidents/{int:number}/impact", response=IncidentOut, summary="Correct when users began to be hurt")
def impact(request: Request, number: int, body: ImpactIn) -> Incident:
    incident = load(request, number)
    return response.set_impact_start(incident=incident, at=body.at, actor=request.actor, now=request.moment)


@router.post("/incidents/{int:number}/responders", response=IncidentOut, summary="Page somebody and ask them to join")
def responder(request: Request, number: int, body: ResponderIn) -> Incident:
    return services.add_responder(
        incident=load(request, number),
        person=_person(request, body.person),
        actor=request.actor,
        now=request.moment,
        reason=body.reason,
    )


@router.post("/incidents/{int:number}/links", response=IncidentOut, summary="Where people talk about it")
def links(request: Request, number: int, body: LinksIn) -> Incident:
    incident = load(request, number)
    return services.set_links(incident=incident, actor=request.actor, now=request.moment, **body.dict())


@router.post("/incidents/{int:number}/snooze", response=IncidentOut, summary="Quiet until a given time")
def snooze(request: Request, number: int, body: SnoozeIn) -> Incident:
    incident = load(request, number)
    return services.snooze(incident=incident, until=body.until, actor=request.actor, now=request.moment)


@router.post("/incidents/{int:number}/wake", response=IncidentOut, summary="End the snooze early")
def wake(request: Request, number: int) -> Incident:
    return services.wake(incident=load(request, number), actor=request.actor, now=request.moment)


@router.post("/incidents/{int:number}/merge", response=IncidentOut, summary="Let another incident swallow this one")
def merge(request: Request, number: int, body: MergeIn) -> Incident:
    incident, into = load(request, number), load(request, body.into)
    return services.merge(incident=incident, into=into, actor=request.actor, now=request.moment)


@router.post("/incidents/{int:number}/split", response={201: IncidentOut}, summary="A new incident with some alerts")
def split(request: Request, number: int, body: SplitIn) -> Status[Incident]:
    incident = load(request, number)
    made = services.split(incident=incident, actor=request.actor, now=request.moment, **body.dict())
    return Status(201, made)


@router.get("/incidents/{int:number}/roles", response=list[PostOut], summary="Who does what, with the checklists")
def roles(request: Request, number: int) -> tuple[Post, ...]:
    return queries.posts(incident=load(request, number), actor=request.actor)


@router.post("/incidents/{int:number}/roles/{role}/offer", response=DutyOut, summary="Ask somebody to take it over")
def offer(request: Request, number: int, role: Role, body: OfferIn) -> Duty:
    incident, to = load(request, number), _person(request, body.to)
    return services.offer(incident=incident, role=role, to=to, actor=request.actor, now=request.moment)


@router.post("/incidents/{int:number}/roles/{role}/lines/{key}", response=DutyOut, summary="Tick a checklist's line")
def tick(request: Request, number: int, role: Role, key: str, body: TickIn) -> Duty:
    return services.tick(
        incident=load(request, number),
        role=role,
        key=key,
        done=body.done,
        actor=request.actor,
        now=request.moment,
    )


@router.post("/incidents/{int:number}/roles/{role}/{verb}", response=DutyOut, summary="Take it, accept or decline it")
def hold(request: Request, number: int, role: Role, verb: RoleVerb) -> Duty:
    do = {RoleVerb.TAKE: services.take, RoleVerb.ACCEPT: services.accept, RoleVerb.DECLINE: services.decline}[verb]
    return do(incident=load(request, number), role=role, actor=request.actor, now=request.moment)


def _person(request: Request, username: str) -> User:
    found = queries.person(organisation=request.organisation, username=username)
    if found is None:
        raise Http404(f"There is no {username} here.")
    return found
