"""The status page over REST: what it says, and its set-up."""

from __future__ import annotations

from datetime import datetime

from django.http import Http404
from ninja import Router, Schema
from pydantic import Field

from incidents.statuspages import queries, services
from incidents.statuspages.models import StatusComponent, StatusPage
from incidents.updates.cadence import Impact, Phase
from observability.core.access import Request
from sloengine.catalog.api import service_of

router = Router(tags=["status page"])


class ComponentIO(Schema):
    service: str = Field(description="slug of the service", alias="service.slug")
    name: str = ""


class ComponentIn(Schema):
    service: str = Field(description="slug of the service")
    name: str = Field("", max_length=100, description="as readers know it; empty: the service's name")


class PageIn(Schema):
    slug: str = Field(min_length=1, max_length=64, pattern=r"^[-a-zA-Z0-9_]+$")
    title: str = Field(min_length=1, max_length=100)
    about: str = Field("", max_length=300)
    public: bool = False
    components: list[ComponentIn] = []


class PageOut(Schema):
    slug: str
    title: str
    about: str
    public: bool
    components: list[ComponentIO]

    @staticmethod
    def resolve_components(page: StatusPage) -> list[StatusComponent]:
        return list(page.components.select_related("service"))


class MessageOut(Schema):
    at: datetime
    phase: Phase
    impact: Impact
    headline: str
    text: str


class StoryOut(Schema):
    headline: str
    began_at: datetime
    ended_at: datetime | None
    impact: Impact
    messages: list[MessageOut]


class ComponentState(Schema):
    name: str
    impact: Impact


class BoardOut(Schema):
    title: str
    headline: str
    components: list[ComponentState]
    going_on: list[StoryOut]
    past: list[StoryOut]


@router.get("/status-page", response=PageOut, summary="How the status page is set up")
def status_page(request: Request) -> StatusPage:
    return _page(request)


@router.put("/status-page", response=PageOut, summary="Set up the status page")
def save(request: Request, body: PageIn) -> StatusPage:
    return services.save(
        organisation=request.organisation,
        slug=body.slug,
        title=body.title,
        about=body.about,
        public=body.public,
        components=[(service_of(request, given.service), given.name) for given in body.components],
        actor=request.actor,
        now=request.moment,
    )


@router.get("/status-page/board", response=BoardOut, summary="What the status page says now")
def board(request: Request) -> queries.Board:
    return queries.board(page=_page(request), now=request.moment)


def _page(request: Request) -> StatusPage:
    found = queries.page_of(organisation=request.organisation)
    if found is None:
        raise Http404("There is no status page here yet.")
    return found
