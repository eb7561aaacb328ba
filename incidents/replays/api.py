"""Replays over REST: run one for an incident, read its verdict, read what a version said."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from ninja import Query, Router, Schema, Status
from pydantic import Field

from incidents.diagnosis import services
from incidents.replays.models import StoredAnswer
from incidents.response.api import load
from observability.core.access import Request
from observability.core.rest import PageOf, Paging, page
from sloengine.catalog.api import service_of

router = Router(tags=["replays"])


class SliceOut(Schema):
    slice: str
    verdict: str
    pairs: int
    mean_now: float | None
    mean_before: float | None
    sentence: str


class WorstOut(Schema):
    slice: str
    prompt: str
    before: str
    now: str
    similarity_before: float
    similarity_now: float
    broken: list[str]


class ReplayOut(Schema):
    """`pending`: it runs, and is there within three minutes. Without slices `reason` says why there is no verdict."""

    pending: bool = False
    reason: str = ""
    note: str = ""
    ran_at: datetime | None = None
    slices: list[SliceOut] = []
    worst: list[WorstOut] = []


class AnswerOut(Schema):
    version: str
    slice: str
    prompt: str
    answer: str
    at: datetime


class AnswerFilters(Paging):
    version: str = ""
    slice: str = Field("", description="of the stored prompts")


@router.get("/incidents/{int:number}/replay", response=ReplayOut, summary="What the replay suite said")
def verdict(request: Request, number: int) -> dict[str, Any]:
    return dict(load(request, number).diagnosis.get("replay") or {})


@router.post("/incidents/{int:number}/replay", response={202: ReplayOut}, summary="Run the replay suite now")
def run(request: Request, number: int) -> Status[dict[str, Any]]:
    found = services.ask_replay(incident=load(request, number), actor=request.actor, now=request.moment)
    return Status(202, dict(found.diagnosis["replay"]))


@router.get(
    "/services/{slug}/answers",
    response=PageOf[AnswerOut],
    summary="What versions said to the stored prompts, newest first",
)
def answers(request: Request, slug: str, filters: Query[AnswerFilters]) -> dict[str, Any]:
    found = StoredAnswer.objects.filter(service=service_of(request, slug)).order_by("-at", "pk")
    if filters.version:
        found = found.filter(version=filters.version)
    if filters.slice:
        found = found.filter(slice=filters.slice)
    return page(found, filters)
