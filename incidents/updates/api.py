"""Updates to stakeholders over REST."""

from __future__ import annotations

from datetime import datetime

from ninja import Router, Schema, Status
from pydantic import Field

from incidents.response.api import load
from incidents.updates import queries, services
from incidents.updates.cadence import Audience, Impact, Phase
from incidents.updates.models import StatusUpdate, UpdateReminder
from observability.core.access import Request

router = Router(tags=["updates"])


class UpdateOut(Schema):
    audience: Audience
    phase: str
    impact: str
    headline: str
    text: str
    at: datetime
    author: str | None = Field(None, alias="author.username")


class ReminderOut(Schema):
    audience: Audience
    since: datetime
    due_at: datetime


class UpdateIn(Schema):
    text: str = Field(min_length=1, max_length=4000)


class PublicUpdateIn(UpdateIn):
    headline: str = Field(min_length=1, max_length=200)
    phase: Phase
    impact: Impact = Impact.DEGRADED


@router.get("/incidents/{int:number}/updates", response=list[UpdateOut], summary="What was told, newest first")
def updates(request: Request, number: int) -> list[StatusUpdate]:
    return queries.updates(incident=load(request, number))


@router.get("/incidents/{int:number}/updates/due", response=list[ReminderOut], summary="When who is to hear next")
def due(request: Request, number: int) -> list[UpdateReminder]:
    return queries.reminders(incident=load(request, number))


@router.post("/incidents/{int:number}/updates", response={201: UpdateOut}, summary="Tell colleagues where it stands")
def post(request: Request, number: int, body: UpdateIn) -> Status[StatusUpdate]:
    incident = load(request, number)
    return Status(201, services.post(incident=incident, text=body.text, actor=request.actor, now=request.moment))


@router.post("/incidents/{int:number}/updates/public", response={201: UpdateOut}, summary="Publish on the status page")
def publish(request: Request, number: int, body: PublicUpdateIn) -> Status[StatusUpdate]:
    incident = load(request, number)
    made = services.publish(incident=incident, actor=request.actor, now=request.moment, **body.dict())
    return Status(201, made)
