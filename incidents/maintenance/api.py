"""Maintenance over REST."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django.http import Http404
from ninja import Query, Router, Schema, Status
from pydantic import Field

from incidents.alerts.maintenance import Plan
from incidents.maintenance import queries, services
from incidents.maintenance.models import Maintenance
from observability.core.access import Request
from observability.core.rest import PageOf, Paging, page

router = Router(tags=["maintenance"])


class MaintenanceOut(Schema):
    id: int
    name: str
    state: str
    matchers: list[str]
    first: str
    zone: str
    length_seconds: int
    rule: str
    announce_seconds: int
    starts_at: datetime
    ends_at: datetime


class NewMaintenance(Schema):
    name: str = Field(min_length=1, max_length=200)
    matchers: list[str]
    first: datetime = Field(description="wall time of the first window, without an offset")
    zone: str = "UTC"
    length_seconds: int = Field(ge=300, le=30 * 86400)
    rule: str = Field("", description="RFC 5545, such as FREQ=WEEKLY;BYDAY=SU; empty: once")
    announce_seconds: int = Field(3600, ge=0, le=14 * 86400)


@router.get("/maintenance", response=PageOf[MaintenanceOut], summary="Plans to come or under way, and last week's")
def maintenance(request: Request, paging: Query[Paging]) -> dict[str, Any]:
    return page(queries.plans(organisation=request.organisation, now=request.moment), paging)


@router.post("/maintenance", response={201: MaintenanceOut}, summary="Plan maintenance, once or recurring")
def plan(request: Request, new: NewMaintenance) -> Status[Maintenance]:
    made = services.plan(
        organisation=request.organisation,
        name=new.name,
        matchers=new.matchers,
        when=Plan(new.first.replace(tzinfo=None), timedelta(seconds=new.length_seconds), new.zone, new.rule),
        announce=timedelta(seconds=new.announce_seconds),
        actor=request.actor,
        now=request.moment,
    )
    return Status(201, made)


@router.post("/maintenance/{int:pk}/cancel", response=MaintenanceOut, summary="No more windows of this plan")
def cancel(request: Request, pk: int) -> Maintenance:
    found = Maintenance.objects.filter(organisation=request.organisation, pk=pk).first()
    if found is None:
        raise Http404(f"There is no maintenance {pk} here.")
    return services.cancel(maintenance=found, actor=request.actor, now=request.moment)
