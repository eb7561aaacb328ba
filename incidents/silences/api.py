"""Silences and notices over REST."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.http import Http404
from ninja import Query, Router, Schema, Status
from pydantic import Field

from incidents.silences import queries, services
from incidents.silences.models import Notice, Silence
from observability.core.access import Request
from observability.core.rest import PageOf, Paging, page

router = Router(tags=["silences"])


class SilenceOut(Schema):
    id: int
    matchers: list[str]
    comment: str
    starts_at: datetime
    ends_at: datetime
    created_at: datetime
    created_by: str | None = Field(None, alias="created_by.username")


class NewSilence(Schema):
    matchers: list[str] = Field(description='as in Alertmanager: service="chat"')
    comment: str = Field(min_length=1, max_length=500)
    ends_at: datetime
    starts_at: datetime | None = None


class Until(Schema):
    ends_at: datetime


class NoticeOut(Schema):
    at: datetime
    until: datetime
    kind: str
    text: str


@router.get("/silences", response=PageOf[SilenceOut], summary="Silences that hold or will, and last week's")
def silences(request: Request, paging: Query[Paging]) -> dict[str, Any]:
    return page(queries.silences(organisation=request.organisation, now=request.moment), paging)


@router.post("/silences", response={201: SilenceOut}, summary="Silence what fits the matchers")
def silence(request: Request, new: NewSilence) -> Status[Silence]:
    made = services.silence(
        organisation=request.organisation,
        matchers=new.matchers,
        starts_at=new.starts_at or request.moment,
        ends_at=new.ends_at,
        comment=new.comment,
        actor=request.actor,
        now=request.moment,
    )
    return Status(201, made)


@router.post("/silences/{int:pk}/end", response=SilenceOut, summary="End a silence now")
def end(request: Request, pk: int) -> Silence:
    return services.end(silence=_load(request, pk), actor=request.actor, now=request.moment)


@router.post("/silences/{int:pk}/prolong", response=SilenceOut, summary="Let a silence last longer")
def prolong(request: Request, pk: int, until: Until) -> Silence:
    found = _load(request, pk)
    return services.prolong(silence=found, ends_at=until.ends_at, actor=request.actor, now=request.moment)


@router.get("/notices", response=list[NoticeOut], summary="What is ahead: silences that end, maintenance that begins")
def notices(request: Request) -> list[Notice]:
    return list(queries.notices(organisation=request.organisation, now=request.moment)[:200])


def _load(request: Request, pk: int) -> Silence:
    found = Silence.objects.filter(organisation=request.organisation, pk=pk).first()
    if found is None:
        raise Http404(f"There is no silence {pk} here.")
    return found
