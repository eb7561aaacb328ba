"""KPIs over REST: push one, and what was pushed."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db.models import QuerySet
from ninja import Router, Schema, Status
from ninja.errors import HttpError
from pydantic import Field

from observability.core.access import Request
from sloengine.catalog.api import service_of
from sloengine.kpis import queries, services
from sloengine.kpis.models import PushedKpi

router = Router(tags=["KPIs"])


class PushIn(Schema):
    service: str
    value: float | None = Field(None, description="what it is now: orders a minute, revenue an hour")
    good: float | None = Field(None, description="how many more were good since the last push, of `total` more")
    total: float | None = None
    key: str = Field("", max_length=100, description="of this push; one that is sent again counts once")


class KpiOut(Schema):
    service: str = Field(alias="service.slug")
    name: str
    value: float | None
    good: float
    total: float
    pushed_at: datetime


class WindowOut(Schema):
    name: str
    value: float = Field(description="its mean; of counts the share of good ones")
    events: float


@router.post("/kpis/{slug:name}", response={201: KpiOut}, summary="Push a business KPI: a value, or counts")
def push(request: Request, name: str, body: PushIn) -> Status[PushedKpi]:
    service = service_of(request, body.service)
    given = body.dict(exclude={"service"})
    try:
        row = services.push(service=service, name=name, actor=request.actor, now=request.moment, **given)
    except services.BadPush as error:
        raise HttpError(422, str(error)) from error
    return Status(201, row)


@router.get("/kpis", response=list[KpiOut], summary="What was pushed, by service and name")
def pushed(request: Request) -> QuerySet[PushedKpi]:
    rows = PushedKpi.objects.filter(organisation=request.organisation).select_related("service")
    return rows.order_by("service__slug", "name")


@router.get("/services/{path:service}/kpis", response=list[WindowOut], summary="A service's KPIs over the last minutes")
def of_service(request: Request, service: str, minutes: int = 60) -> list[queries.Kpi]:
    if not 1 <= minutes <= 43200:
        raise HttpError(422, f"minutes: found {minutes}, expected 1 to 43200")
    start = request.moment - timedelta(minutes=minutes)
    return queries.kpis(service=service_of(request, service), start=start, end=request.moment)
