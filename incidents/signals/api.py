"""Signals over REST: the vocabulary, and its answers for a service or a part of it."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from ninja import Query, Router, Schema
from pydantic import Field

from incidents.diagnosis.signals import SIGNALS, UNITS
from incidents.signals import queries
from observability.core.access import Request
from observability.core.refusals import Refused
from sloengine.catalog.api import service_of
from sloengine.catalog.models import Service

router = Router(tags=["signals"])


class SignalOut(Schema):
    name: str
    unit: str
    units: list[str] = Field(description="how a threshold on it may be written")
    meaning: str


class Asked(Schema):
    """What is asked: of the whole service, or of the part that these labels fix."""

    name: list[str] = Field([], description="signals; left out: all")
    replica: str = ""
    region: str = ""
    version: str = ""
    slice: str = ""
    since: datetime | None = Field(None, description="when the impact began; left out: five minutes ago")


class QueryOut(Schema):
    family: str
    start: datetime
    end: datetime


class AnswerOut(Schema):
    name: str
    unit: str
    value: float | None = Field(description="in the base unit; null where nobody can tell")
    sentence: str
    window_seconds: int
    query: QueryOut | None


@router.get("/signals", response=list[SignalOut], summary="Every signal that a tree or a runbook may name")
def vocabulary(request: Request) -> list[SignalOut]:
    return [
        SignalOut(name=one.name, unit=one.unit, units=list(UNITS[one.unit]), meaning=one.meaning)
        for one in SIGNALS.values()
    ]


class StandingOut(Schema):
    service: str
    leaf: str
    title: str
    path: list[str]
    confidence: float
    branches: dict[str, bool | None]


@router.get("/standings", response=list[StandingOut], summary="What the tree would say of each service now")
def standings(request: Request) -> Any:
    services = list(Service.objects.filter(organisation=request.organisation))
    return queries.standings(services=services, now=request.moment)


@router.get("/signals/{path:service}", response=list[AnswerOut], summary="The signals of a service now")
def answers(request: Request, service: str, asked: Query[Asked]) -> Any:
    unknown = [name for name in asked.name if name not in SIGNALS]
    if unknown:
        raise Refused(f"name: found {unknown[0]!r}, expected signals that GET /signals lists.")
    if asked.since is not None and asked.since.tzinfo is None:
        raise Refused(f"since: found {asked.since.isoformat()}, expected a time with its zone.")
    scope = {name: value for name in queries.LABELS if (value := getattr(asked, name))}
    return queries.ask(
        service=service_of(request, service), now=request.moment, scope=scope, since=asked.since, names=asked.name
    )
