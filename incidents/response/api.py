"""Incidents over REST: list, one with its diagnosis, its timeline, declare, act, note."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any

from django.http import Http404
from ninja import Query, Router, Schema, Status
from pydantic import AwareDatetime, Field

from incidents.response import queries, services
from incidents.response.lifecycle import State
from incidents.response.models import Incident, TimelineEntry
from incidents.response.severity import Severity
from observability.core.access import Request
from observability.core.rest import PageOf, Paging, page
from sloengine.catalog.api import service_if_named

router = Router(tags=["incidents"])


class IncidentOut(Schema):
    number: int
    name: str
    title: str
    headline: str
    service: str | None = Field(None, alias="service.slug")
    severity: str = Field(alias="severity_name")
    state: State
    leaf: str
    confidence: float | None
    runbook: str
    simulated: bool
    drill: bool
    impact_started_at: datetime | None
    detected_at: datetime
    opened_at: datetime
    first_paged_at: datetime | None
    acknowledged_at: datetime | None
    acknowledged_by: str | None = Field(None, alias="acknowledged_by.username")
    commander: str | None = Field(None, alias="commander.username")
    mitigated_at: datetime | None
    resolved_at: datetime | None
    resolved_reason: str
    snoozed_until: datetime | None
    merged_into: int | None = Field(None, alias="merged_into.number")
    split_from: int | None = Field(None, alias="split_from.number")
    chat_url: str
    call_url: str


class IncidentWhole(IncidentOut):
    diagnosis: dict[str, Any]


class EntryOut(Schema):
    at: datetime
    kind: str
    actor: str
    actor_kind: str
    sentence: str
    payload: dict[str, Any]


class Filters(Paging):
    state: State | None = None
    service: str = ""
    severity: int | None = Field(None, ge=1, le=5)
    text: str = ""
    since: AwareDatetime | None = None


class Declaration(Schema):
    title: str = Field(min_length=1, max_length=300)
    severity: int = Field(ge=1, le=5, description="1 is the worst; 1 and 2 page at once")
    service: str = ""
    impact_started_at: AwareDatetime | None = None


class Note(Schema):
    text: str = Field(min_length=1, max_length=4000)


class MoveName(StrEnum):
    ACKNOWLEDGE = "acknowledge"
    MITIGATE = "mitigate"
    RESOLVE = "resolve"
    REOPEN = "reopen"
    COMMAND = "command"


@router.get("/incidents", response=PageOf[IncidentOut], summary="Incidents, newest first")
def incidents(request: Request, filters: Query[Filters]) -> dict[str, Any]:
    found = queries.incidents(
        organisation=request.organisation,
        state=filters.state,
        service=service_if_named(request, filters.service),
        severity=filters.severity,
        text=filters.text,
        since=filters.since,
    )
    return page(found, filters)


@router.post("/incidents", response={201: IncidentOut}, summary="Declare an incident without an alert")
def declare(request: Request, declaration: Declaration) -> Status[Incident]:
    declared = services.declare(
        organisation=request.organisation,
        title=declaration.title,
        severity=Severity(declaration.severity),
        service=service_if_named(request, declaration.service),
        impact_started_at=declaration.impact_started_at,
        actor=request.actor,
        now=request.moment,
    )
    return Status(201, declared)


@router.get("/incidents/{int:number}", response=IncidentWhole, summary="One incident with its diagnosis")
def incident(request: Request, number: int) -> Incident:
    return load(request, number)


@router.get("/incidents/{int:number}/timeline", response=list[EntryOut], summary="What happened, oldest first")
def timeline(request: Request, number: int) -> list[TimelineEntry]:
    return queries.timeline(incident=load(request, number))


@router.post("/incidents/{int:number}/notes", response={201: EntryOut}, summary="Add a note to the timeline")
def note(request: Request, number: int, body: Note) -> Status[TimelineEntry]:
    found = load(request, number)
    return Status(201, services.add_note(incident=found, text=body.text, actor=request.actor, now=request.moment))


@router.post("/incidents/{int:number}/{verb}", response=IncidentOut, summary="Acknowledge, mitigate, resolve, reopen")
def act(request: Request, number: int, verb: MoveName) -> Incident:
    return services.MOVES[verb](incident=load(request, number), actor=request.actor, now=request.moment)


def load(request: Request, number: int) -> Incident:
    """INC-<number> of the caller's organisation; 404 where there is none."""
    found = queries.incident(organisation=request.organisation, number=number)
    if found is None:
        raise Http404(f"There is no INC-{number} here.")
    return found
