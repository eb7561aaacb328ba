"""The decision tree over REST: its versions, a draft, a try on past incidents, what runs, thresholds of a service."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.http import Http404
from ninja import Query, Router, Schema, Status
from pydantic import Field

from incidents.diagnosis import shipped
from incidents.trees import queries, services
from incidents.trees.models import DecisionTree, ThresholdOverride
from incidents.trees.preview import Compared
from incidents.trees.services import TreeUnusable
from observability.core.access import Request
from observability.core.rest import PageOf, Paging, page
from sloengine.catalog.api import service_of

router = Router(tags=["decision tree"])


class VersionOut(Schema):
    version: int
    state: str
    note: str
    at: datetime
    by: str | None = Field(None, alias="by.username")
    activated_at: datetime | None
    activated_by: str | None = Field(None, alias="activated_by.username")


class RunningOut(Schema):
    version: int
    shipped: bool = Field(description="the tree that ships runs")
    text: str
    nodes: list[str]
    leaves: list[str]


class NewTree(Schema):
    text: str = Field(description="the tree as YAML")
    note: str = Field("", max_length=300)


class ProblemOut(Schema):
    line: int
    path: str
    found: str
    expected: str


class ComparedOut(Schema):
    incident: int
    service: str
    leaf: str = Field(description="the leaf as it was stored")
    running: str = Field(description="the leaf under the tree that runs")
    draft: str
    confidence: float
    changed: bool
    untold: list[str] = Field(description="signals that the draft asked and the incident had not stored")


class TriedOut(Schema):
    valid: bool
    problems: list[ProblemOut]
    compared: list[ComparedOut]


class OverrideOut(Schema):
    id: int
    service: str = Field(alias="service.slug")
    place: str
    was: str
    becomes: str
    note: str
    at: datetime


class NewOverride(Schema):
    service: str
    place: str = Field(description="id of a node or leaf")
    was: str = Field(description="a threshold there, such as inter_token_factor > 2 x")
    becomes: str = Field(description="the same signal and direction, another number")
    note: str = Field("", max_length=300)


@router.get("/trees", response=PageOf[VersionOut], summary="The organisation's own trees, the newest first")
def trees(request: Request, paging: Query[Paging]) -> dict[str, Any]:
    return page(queries.versions(organisation=request.organisation), paging)


@router.get("/trees/running", response=RunningOut, summary="The tree that runs, with its text")
def running(request: Request) -> RunningOut:
    tree = queries.running(organisation_id=request.organisation.pk)
    row = queries.active(organisation_id=request.organisation.pk)
    own = row is not None and row.version == tree.version
    return RunningOut(
        version=tree.version,
        shipped=not own,
        text=row.text if row is not None and own else shipped.text(),
        nodes=list(tree.nodes),
        leaves=list(tree.leaves),
    )


@router.post("/trees/try", response=TriedOut, summary="Validate a text and try it on past incidents; nothing is kept")
def tried(request: Request, new: NewTree) -> TriedOut:
    try:
        tree = services.validated(organisation=request.organisation, text=new.text)
    except TreeUnusable as error:
        problems = [
            ProblemOut(line=one.line, path=one.path, found=one.found, expected=one.expected) for one in error.problems
        ]
        return TriedOut(valid=False, problems=problems, compared=[])
    compared = services.previewed(organisation=request.organisation, draft=tree)
    return TriedOut(valid=True, problems=[], compared=[_compared(one) for one in compared])


@router.post("/trees", response={201: VersionOut}, summary="Keep a text as a draft")
def draft(request: Request, new: NewTree) -> Status[DecisionTree]:
    row = services.draft(
        organisation=request.organisation, text=new.text, note=new.note, actor=request.actor, now=request.moment
    )
    return Status(201, row)


@router.get("/trees/{int:version}", response=NewTree, summary="One version's text")
def version(request: Request, version: int) -> DecisionTree:
    return _version(request, version)


@router.post("/trees/{int:version}/activate", response=VersionOut, summary="Let this version run, or run again")
def activate(request: Request, version: int) -> DecisionTree:
    return services.activate(tree=_version(request, version), actor=request.actor, now=request.moment)


@router.post("/trees/shipped/activate", response=RunningOut, summary="Let the tree that ships run again")
def use_shipped(request: Request) -> RunningOut:
    services.use_shipped(organisation=request.organisation, actor=request.actor, now=request.moment)
    return running(request)


@router.get("/threshold-overrides", response=PageOf[OverrideOut], summary="Thresholds of single services")
def overrides(request: Request, paging: Query[Paging]) -> dict[str, Any]:
    return page(queries.overridden(organisation=request.organisation), paging)


@router.post("/threshold-overrides", response={201: OverrideOut}, summary="Another threshold for one service")
def override(request: Request, new: NewOverride) -> Status[ThresholdOverride]:
    row = services.override(
        service=service_of(request, new.service),
        place=new.place,
        was=new.was,
        becomes=new.becomes,
        note=new.note,
        actor=request.actor,
        now=request.moment,
    )
    return Status(201, row)


@router.post("/threshold-overrides/{int:pk}/remove", response={204: None}, summary="Judge the service like the others")
def remove(request: Request, pk: int) -> Status[None]:
    row = queries.overridden(organisation=request.organisation).filter(pk=pk).first()
    if row is None:
        raise Http404(f"There is no override {pk} here.")
    services.remove_override(row=row, actor=request.actor, now=request.moment)
    return Status(204, None)


def _version(request: Request, version: int) -> DecisionTree:
    row = queries.versions(organisation=request.organisation).filter(version=version).first()
    if row is None:
        raise Http404(f"There is no version {version} of the tree here.")
    return row


def _compared(one: Compared) -> ComparedOut:
    return ComparedOut(
        incident=one.past.number,
        service=one.past.service,
        leaf=one.past.leaf,
        running=one.running,
        draft=one.draft,
        confidence=round(one.confidence, 4),
        changed=one.changed,
        untold=list(one.untold),
    )
