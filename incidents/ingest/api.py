"""Integrations over REST: those in use, a new one with its key, changes, what came, a test."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.http import Http404
from ninja import Query, Router, Schema, Status
from pydantic import Field

from incidents.ingest import queries, services
from incidents.ingest.models import Integration
from observability.core.access import Request
from observability.core.rest import PageOf, Paging, page
from sloengine.catalog.models import Service

router = Router(tags=["integrations"])


class IntegrationOut(Schema):
    id: int
    name: str
    kind: str
    owner: str | None = Field(None, alias="owner.username")
    service: str | None = Field(None, alias="service.slug")
    default_urgency: str
    whole_groups: bool
    expect_seconds: int | None
    expect_alert: str
    heard_at: datetime | None
    mapping: dict[str, Any]
    problem: str
    problem_at: datetime | None
    created_at: datetime


class WithKey(Schema):
    integration: IntegrationOut
    key: str = Field(description="shown once")


class Options(Schema):
    name: str | None = None
    default_urgency: str | None = None
    service: str | None = Field(None, description="slug; empty: none")
    secret: str | None = None
    timestamp_header: str | None = None
    whole_groups: bool | None = None
    expect_seconds: int | None = None
    expect_alert: str | None = Field(
        None, max_length=200, description="the alert that must keep firing; empty: any request"
    )
    mapping: dict[str, Any] | None = None


class NewIntegration(Options):
    kind: Integration.Kind


class EventOut(Schema):
    id: int
    received_at: datetime
    alerts: int
    truncated: int
    error: str


class ReceivedOut(Schema):
    event_id: int | None
    alerts: int


@router.get("/integrations", response=PageOf[IntegrationOut], summary="Integrations in use")
def integrations(request: Request, paging: Query[Paging]) -> dict[str, Any]:
    return page(queries.integrations(organisation=request.organisation), paging)


@router.post("/integrations", response={201: WithKey}, summary="A new integration; its key is shown once")
def add(request: Request, new: NewIntegration) -> Status[Any]:
    options = {"name": "", **_options(request, new)}
    made, key = services.add_integration(
        organisation=request.organisation,
        kind=new.kind,
        owner=request.user,
        actor=request.actor,
        now=request.moment,
        **options,
    )
    return Status(201, {"integration": made, "key": key})


@router.patch("/integrations/{int:pk}", response=IntegrationOut, summary="Change how its payloads are read")
def change(request: Request, pk: int, options: Options) -> Integration:
    given = _options(request, options)
    found = _load(request, pk)
    return services.change_integration(integration=found, actor=request.actor, now=request.moment, **given)


@router.post("/integrations/{int:pk}/key", response=WithKey, summary="A new key; the old one is worth nothing then")
def new_key(request: Request, pk: int) -> dict[str, Any]:
    found = _load(request, pk)
    key = services.new_key(integration=found, actor=request.actor, now=request.moment)
    return {"integration": found, "key": key}


@router.post("/integrations/{int:pk}/end", response={204: None}, summary="Nothing comes in under its key any more")
def end(request: Request, pk: int) -> Status[None]:
    services.end_integration(integration=_load(request, pk), actor=request.actor, now=request.moment)
    return Status(204, None)


@router.post("/integrations/{int:pk}/test", response=ReceivedOut, summary="Send a test; it wakes nobody")
def test(request: Request, pk: int) -> Any:
    return services.send_test(integration=_load(request, pk), actor=request.actor, now=request.moment)


@router.get("/integrations/{int:pk}/events", response=PageOf[EventOut], summary="What came, newest first")
def events(request: Request, pk: int, paging: Query[Paging]) -> dict[str, Any]:
    return page(queries.events(integration=_load(request, pk)), paging)


def _options(request: Request, given: Options) -> dict[str, Any]:
    options = given.model_dump(exclude_unset=True, exclude={"kind"})
    slug = options.get("service")
    if slug:
        options["service"] = Service.objects.filter(organisation=request.organisation, slug=slug).first()
        if options["service"] is None:
            raise Http404(f"There is no service {slug} here.")
    elif slug == "":
        options["service"] = None
    return options


def _load(request: Request, pk: int) -> Integration:
    found = Integration.objects.filter(organisation=request.organisation, pk=pk, revoked_at__isnull=True)
    row = found.select_related("owner", "service", "organisation").first()
    if row is None:
        raise Http404(f"There is no integration {pk} here.")
    return row
