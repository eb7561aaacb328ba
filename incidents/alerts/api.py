"""Alerts over REST: the list, and one with everything it says."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any

from django.http import Http404
from ninja import Query, Router, Schema
from pydantic import Field

from incidents.alerts import queries
from incidents.alerts.models import Alert
from observability.core.access import Request
from observability.core.rest import PageOf, Paging, page

router = Router(tags=["alerts"])


class AlertState(StrEnum):
    FIRING = "firing"
    QUIET = "quiet"
    CLEARED = "cleared"
    ALL = "all"


class AlertOut(Schema):
    id: int
    title: str
    kind: str
    urgency: str
    state: str
    fingerprint: str
    labels: dict[str, Any]
    starts_at: datetime
    ends_at: datetime | None
    service: str | None = Field(None, alias="service.slug")
    incident: int | None = Field(None, alias="incident.number")
    integration: str | None = Field(None, alias="integration.name")
    reason: str
    route: str
    muted_reason: str


class AlertWhole(AlertOut):
    annotations: dict[str, Any]
    extra: dict[str, Any]


class Filters(Paging):
    state: AlertState = AlertState.FIRING
    text: str = ""
    incident: int | None = None


@router.get("/alerts", response=PageOf[AlertOut], summary="Alerts, newest first")
def alerts(request: Request, filters: Query[Filters]) -> dict[str, Any]:
    found = queries.narrowed(
        organisation=request.organisation, state=filters.state, text=filters.text, incident=filters.incident
    )
    return page(found, filters)


@router.get("/alerts/{int:pk}", response=AlertWhole, summary="One alert with everything it says")
def alert(request: Request, pk: int) -> Alert:
    found = queries.alerts(organisation=request.organisation).filter(pk=pk).first()
    if found is None:
        raise Http404(f"There is no alert {pk} here.")
    return found
