"""Saved filters of the incident list over REST."""

from __future__ import annotations

from django.shortcuts import get_object_or_404
from ninja import Router, Schema, Status
from pydantic import Field

from incidents.savedfilters import queries, services
from incidents.savedfilters.models import SavedFilter
from observability.core.access import Request

router = Router(tags=["incidents"])


class FilterIn(Schema):
    name: str = Field(min_length=1, max_length=80)
    state: str = ""
    service: str = ""
    severity: str = ""
    q: str = ""
    shared: bool = False


class FilterOut(Schema):
    id: int
    name: str
    query: str = Field(description="what follows /incidents/?")
    shared: bool
    of: str = Field(alias="user.username")


@router.get("/incident-filters", response=list[FilterOut], summary="Saved filters: mine and the shared ones")
def filters(request: Request) -> list[SavedFilter]:
    return list(queries.filters_of(organisation=request.organisation, user=request.user))


@router.post("/incident-filters", response={201: FilterOut}, summary="Save a filter; the same name is written over")
def save(request: Request, body: FilterIn) -> Status[SavedFilter]:
    kept = services.save(
        organisation=request.organisation,
        user=request.user,
        name=body.name,
        given=body.dict(include={"state", "service", "severity", "q"}),
        shared=body.shared,
        actor=request.actor,
        now=request.moment,
    )
    return Status(201, kept)


@router.delete("/incident-filters/{int:pk}", response={204: None}, summary="Remove a saved filter")
def remove(request: Request, pk: int) -> Status[None]:
    found = queries.filters_of(organisation=request.organisation, user=request.user)
    services.remove(kept=get_object_or_404(found, pk=pk), actor=request.actor, now=request.moment)
    return Status(204, None)
