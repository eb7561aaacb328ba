"""Cost anomalies over REST: what was found, and what people foresaw."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django.db.models import QuerySet
from django.http import Http404
from ninja import Query, Router, Schema, Status
from ninja.errors import HttpError
from pydantic import AwareDatetime, Field

from observability.core.access import Request
from observability.core.rest import PageOf, Paging, page
from sloengine.budgets.models import Finding
from sloengine.cost.anomaly import queries, services
from sloengine.cost.anomaly.models import CostFeedback

router = Router(tags=["cost anomalies"])


class AnomalyOut(Schema):
    id: int = Field(alias="pk")
    service: str | None = Field(None, alias="service.slug")
    kind: str
    severity: str
    state: str
    since: datetime
    cleared_at: datetime | None
    reason: str
    evidence: dict[str, Any]


class Filters(Paging):
    days: int = Field(30, ge=1, le=400, description="how far back, besides what fires now")


class FeedbackIn(Schema):
    kind: str = Field("expected", description="expected, or event: a known one, which needs an end")
    note: str
    until: AwareDatetime | None = Field(None, description="none: for good")


class FeedbackOut(Schema):
    id: int = Field(alias="pk")
    service: str = Field(alias="service.slug")
    tenant: str
    kind: str
    driver: str
    factor: float | None = Field(description="what was seen; half as large again is news")
    since: datetime
    until: datetime | None
    note: str
    made_at: datetime
    made_by: str


@router.get("/cost/anomalies", response=PageOf[AnomalyOut], summary="What departs from the usual, newest first")
def anomalies(request: Request, filters: Query[Filters]) -> dict[str, Any]:
    since = request.moment - timedelta(days=filters.days)
    return page(queries.anomalies(organisation=request.organisation, since=since), filters)


@router.post("/cost/anomalies/{int:pk}/feedback", response={201: FeedbackOut}, summary="Say that it was foreseen")
def give(request: Request, pk: int, body: FeedbackIn) -> Status[CostFeedback]:
    found = Finding.objects.filter(organisation=request.organisation, pk=pk).select_related("service").first()
    if found is None:
        raise Http404(f"There is no anomaly {pk} here.")
    try:
        row = services.give_feedback(finding=found, actor=request.actor, now=request.moment, **body.dict())
    except services.BadFeedback as error:
        raise HttpError(422, str(error)) from error
    return Status(201, row)


@router.get("/cost/feedback", response=list[FeedbackOut], summary="What was foreseen, newest first")
def feedback(request: Request) -> QuerySet[CostFeedback]:
    return queries.feedback(organisation=request.organisation)


@router.delete("/cost/feedback/{int:pk}", response={204: None}, summary="Tell the same again")
def forget(request: Request, pk: int) -> Status[None]:
    row = queries.feedback(organisation=request.organisation).filter(pk=pk).first()
    if row is None:
        raise Http404(f"There is no feedback {pk} here.")
    services.forget_feedback(feedback=row, actor=request.actor, now=request.moment)
    return Status(204, None)
