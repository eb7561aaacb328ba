"""Routes over REST: read, replace, try."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from ninja import Router, Schema
from pydantic import Field

from incidents.alerts.matchers import said
from incidents.routing import queries, services
from observability.core.access import Request

router = Router(tags=["routes"])


class RoutesOut(Schema):
    version: int
    text: str
    at: datetime | None = None
    by: str | None = Field(None, alias="by.username")


class NewRoutes(Schema):
    text: str = Field(description="the document as YAML")


class Trial(Schema):
    labels: dict[str, str]
    text: str | None = Field(None, description="routes to try before they count; left out: those that count")


class AskedOut(Schema):
    depth: int
    route: str
    matchers: str
    fits: bool


class TrialOut(Schema):
    path: list[str]
    settings: dict[str, str]
    asked: list[AskedOut]


@router.get("/routes", response=RoutesOut, summary="The routes that count")
def routes(request: Request) -> Any:
    return queries.current(organisation_id=request.organisation.pk) or RoutesOut.model_construct(version=0, text="")


@router.put("/routes", response=RoutesOut, summary="Let other routes count")
def set_routes(request: Request, new: NewRoutes) -> Any:
    return services.set_routes(
        organisation=request.organisation, text=new.text, actor=request.actor, now=request.moment
    )


@router.post("/routes/test", response=TrialOut, summary="The path that an alert with these labels takes")
def test(request: Request, trial: Trial) -> TrialOut:
    tree = (
        services.validated(organisation=request.organisation, text=trial.text)
        if trial.text is not None
        else queries.routes(organisation_id=request.organisation.pk)
    )
    taken, asked = services.tried(routes=tree, labels=trial.labels)
    return TrialOut(
        path=list(taken.path),
        settings=dict(taken.given),
        asked=[
            AskedOut(depth=one.depth, route=one.route.name, matchers=said(one.route.matchers), fits=one.fits)
            for one in asked
        ],
    )
