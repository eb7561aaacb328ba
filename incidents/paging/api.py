"""Pages and pagers over REST: what was sent and how it went, send again, add, test, switch off."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.http import Http404
from django.shortcuts import get_object_or_404
from ninja import Query, Router, Schema, Status
from ninja.errors import HttpError
from pydantic import Field

from incidents.paging import queries
from incidents.paging.answers import services as answers
from incidents.paging.endpoints import queries as endpoint_queries
from incidents.paging.endpoints import services as endpoints
from incidents.paging.models import Page, PagerEndpoint
from observability.core.access import Request
from observability.core.models import User
from observability.core.rest import PageOf, Paging, page
from sloengine.catalog.api import service_if_named

router = Router(tags=["pages"])


class TryOut(Schema):
    attempt: int
    at: datetime
    outcome: str
    status_code: int | None
    error: str
    seconds: float | None
    repeated: bool


class PageOut(Schema):
    id: int
    incident: str = Field(alias="incident.name")
    kind: str
    recipient: str = Field(alias="endpoint.recipient")
    channel: str = Field(alias="endpoint.kind")
    reason: str
    state: str
    created_at: datetime
    sent_at: datetime | None
    closed_reason: str
    dedup_key: str
    tries: list[TryOut] = Field(alias="deliveries")


class PageFilters(Paging):
    state: Page.State | None = None
    incident: int | None = None


class PagerOut(Schema):
    id: int
    kind: str
    name: str
    user: str | None = Field(None, alias="user.username")
    service: str | None = Field(None, alias="service.slug")
    url: str
    address: str
    enabled: bool
    ready: bool
    escalates: bool
    tested_at: datetime | None
    tested_result: str


class PagerIn(Schema):
    kind: str
    name: str
    user: str | None = Field(None, description="username; null for a room or a vendor's service")
    service: str | None = None
    url: str = ""
    address: str = ""
    secret: str = ""
    template: str = ""
    escalates: bool = False


class PagerMade(PagerOut):
    secret: str = Field(description="what signs a webhook's messages; shown this once")


class Code(Schema):
    code: str = Field(min_length=6, max_length=6)


class Tested(Schema):
    delivered: bool
    said: str


@router.get("/pages", response=PageOf[PageOut], summary="Pages with every try, newest first")
def pages(request: Request, filters: Query[PageFilters]) -> dict[str, Any]:
    found = queries.pages(organisation=request.organisation)
    if filters.state is not None:
        found = found.filter(state=filters.state)
    if filters.incident is not None:
        found = found.filter(incident__number=filters.incident)
    return page(found, filters)


@router.post("/pages/{int:pk}/resend", response=PageOut, summary="Send a page again that was not delivered")
def resend(request: Request, pk: int) -> Page:
    found = get_object_or_404(Page, organisation=request.organisation, pk=pk)
    answers.resend(page=found, actor=request.actor, now=request.moment)
    return queries.pages(organisation=request.organisation).get(pk=pk)


@router.get("/pagers", response=PageOf[PagerOut], summary="Yours and the rooms'; everyone's if you manage pagers")
def pagers(request: Request, paging: Query[Paging]) -> dict[str, Any]:
    return page(endpoint_queries.endpoints(organisation=request.organisation, actor=request.actor), paging)


@router.post("/pagers", response={201: PagerMade}, summary="Add a pager")
def add(request: Request, body: PagerIn) -> Status[dict[str, Any]]:
    given = body.dict(exclude={"user", "service"})
    entered = endpoints.Entered(
        user=_user(request, body.user), service=service_if_named(request, body.service), **given
    )
    try:
        made, secret = endpoints.add(
            organisation=request.organisation, entered=entered, actor=request.actor, now=request.moment
        )
    except endpoints.WrongEndpoint as wrong:
        raise HttpError(422, str(wrong)) from wrong
    return Status(201, PagerOut.from_orm(made).dict() | {"secret": secret})


@router.post("/pagers/{int:pk}/test", response=Tested, summary="Send a real message there now")
def test(request: Request, pk: int) -> Tested:
    outcome = endpoints.send_test(endpoint=_endpoint(request, pk), actor=request.actor, now=request.moment)
    return Tested(delivered=outcome.accepted, said=outcome.error or "delivered")


@router.post("/pagers/{int:pk}/code", response=Tested, summary="Send the code that proves a number")
def code(request: Request, pk: int) -> Tested:
    outcome = endpoints.send_code(endpoint=_endpoint(request, pk), actor=request.actor, now=request.moment)
    return Tested(delivered=outcome.accepted, said=outcome.error or "delivered")


@router.post("/pagers/{int:pk}/verify", response=PagerOut, summary="Prove a number with the code that was sent")
def verify(request: Request, pk: int, body: Code) -> PagerEndpoint:
    endpoint = _endpoint(request, pk)
    if not endpoints.verify(endpoint=endpoint, code=body.code, actor=request.actor, now=request.moment):
        raise HttpError(422, "That was not the code that was sent, or it is too old.")
    return _endpoint(request, pk)


@router.post("/pagers/{int:pk}/{switch}", response=PagerOut, summary="Switch a pager on or off (enable, disable)")
def switch(request: Request, pk: int, switch: str) -> PagerEndpoint:
    if switch not in {"enable", "disable"}:
        raise Http404(f"A pager is not {switch}d: enable or disable.")
    endpoints.switch(
        endpoint=_endpoint(request, pk), enabled=switch == "enable", actor=request.actor, now=request.moment
    )
    return _endpoint(request, pk)


def _endpoint(request: Request, pk: int) -> PagerEndpoint:
    rows = PagerEndpoint.objects.select_related("user", "organisation", "service").defer("secret")
    return get_object_or_404(rows, organisation=request.organisation, pk=pk)


def _user(request: Request, username: str | None) -> User | None:
    if username is None:
        return None
    people = User.objects.filter(memberships__organisation=request.organisation)
    return get_object_or_404(people, username=username)
