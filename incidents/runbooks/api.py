"""Runbooks over REST: the list, one, one's own written and restored, and an incident's as a checklist."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from django.http import Http404
from ninja import Router, Schema, Status
from pydantic import Field

import incidents.screens.queries.runbooks as screens
from incidents.response.api import load
from incidents.runbooks import queries, services
from incidents.runbooks.models import RunbookVersion
from observability.core.access import Request

router = Router(tags=["runbooks"])


class RunbookOut(Schema):
    slug: str = Field(alias="runbook.slug")
    title: str = Field(alias="runbook.title")
    matches: list[str] = Field(alias="runbook.matches")
    objectives: list[str] = Field(alias="runbook.objectives")
    severity: int = Field(alias="runbook.severity")
    owner: str = Field(alias="runbook.owner")
    last_drilled: date | None = Field(None, alias="runbook.last_drilled")
    origin: str
    version: int | None
    at: datetime | None
    by: str
    used_at: datetime | None
    drilled_at: datetime | None
    stale: str = Field(description="empty while it was drilled or used in the last 90 days")


class RunbookWhole(RunbookOut):
    text: str


class VersionOut(Schema):
    slug: str
    version: int
    origin: str
    note: str
    at: datetime
    by: str | None = Field(None, alias="by.username")
    current: bool
    text: str = Field(description="empty: taken back")


class Written(Schema):
    text: str = Field(min_length=1, max_length=200_000, description="Markdown with front matter")
    note: str = Field("", max_length=200)


class CheckOut(Schema):
    number: int
    text: str
    kind: str
    action: str | None
    done_at: datetime | None
    done_by: str | None
    result: dict[str, Any] | None = Field(
        description="signal, expected, value, unit, verdict, sentence, window_seconds, ran_at"
    )


class ChecklistOut(Schema):
    slug: str
    title: str
    stale: str
    ran_at: datetime | None
    waits: bool = Field(description="its checks are still to be run")
    steps: list[CheckOut]


class Ticked(Schema):
    done: bool = True


@router.get("/runbooks", response=list[RunbookOut], summary="Every runbook that counts, by title")
def runbooks(request: Request, owner: str = "", q: str = "", only: str = "") -> tuple[screens.ReadableRunbook, ...]:
    organisation = request.organisation
    return screens.the_shelf(organisation=organisation, now=request.moment, owner=owner, words=q, only=only).rows


@router.get("/runbooks/{slug}", response=RunbookWhole, summary="One runbook with its text")
def runbook(request: Request, slug: str) -> dict[str, Any]:
    return _whole(request, slug)


@router.put("/runbooks/{slug}", response=RunbookWhole, summary="Write a runbook of your own: a new version that counts")
def write(request: Request, slug: str, body: Written) -> dict[str, Any]:
    services.save(
        organisation=request.organisation,
        text=body.text,
        slug=slug,
        note=body.note,
        actor=request.actor,
        now=request.moment,
    )
    return _whole(request, slug)


@router.delete("/runbooks/{slug}", response=VersionOut, summary="Take your own back; the one that ships counts again")
def withdraw(request: Request, slug: str) -> RunbookVersion:
    return services.withdraw(organisation=request.organisation, slug=slug, actor=request.actor, now=request.moment)


@router.get("/runbooks/{slug}/versions", response=list[VersionOut], summary="Its history, newest first")
def versions(request: Request, slug: str) -> list[RunbookVersion]:
    return list(queries.versions(organisation=request.organisation, slug=slug)[:200])


@router.post("/runbooks/{slug}/versions/{int:version}/restore", response=VersionOut, summary="Go back to a version")
def restore(request: Request, slug: str, version: int) -> RunbookVersion:
    return services.restore(
        organisation=request.organisation, slug=slug, version=version, actor=request.actor, now=request.moment
    )


@router.get("/incidents/{int:number}/runbook", response=ChecklistOut, summary="The incident's runbook as a checklist")
def checklist(request: Request, number: int) -> dict[str, Any]:
    return _checklist(request, number)


@router.post("/incidents/{int:number}/runbook/open", response=ChecklistOut, summary="Begin to work by it")
def begin(request: Request, number: int) -> dict[str, Any]:
    services.begin(incident=load(request, number), actor=request.actor, now=request.moment)
    return _checklist(request, number)


@router.post(
    "/incidents/{int:number}/runbook/checks", response={202: ChecklistOut}, summary="Have its checks asked again"
)
def checks(request: Request, number: int) -> Status[dict[str, Any]]:
    services.ask_again(incident=load(request, number), actor=request.actor, now=request.moment)
    return Status(202, _checklist(request, number))


@router.post(
    "/incidents/{int:number}/runbook/steps/{int:step}", response=ChecklistOut, summary="Tick a step off, or not"
)
def tick(request: Request, number: int, step: int, body: Ticked) -> dict[str, Any]:
    incident = load(request, number)
    services.tick(incident=incident, number=step, done=body.done, actor=request.actor, now=request.moment)
    return _checklist(request, number)


def _whole(request: Request, slug: str) -> dict[str, Any]:
    found = screens.readable(organisation=request.organisation, slug=slug, now=request.moment)
    book = queries.books(organisation_id=request.organisation.pk).get(slug)
    if found is None or book is None:
        raise Http404(f"There is no runbook {slug} here.")
    return {"text": book.text, **RunbookOut.model_validate(found, from_attributes=True).model_dump(by_alias=True)}


def _checklist(request: Request, number: int) -> dict[str, Any]:
    incident = load(request, number)
    found = screens.checklist(incident=incident, now=request.moment)
    book = queries.of_incident(incident=incident)
    if found is None or book is None:
        raise Http404(f"{incident.name} has no diagnosis yet, and so no runbook.")
    run = queries.last_run(incident=incident, runbook=found.slug)
    results = {one["number"]: one for one in (run.results if run is not None else ())}
    ticks = {step.number: step.tick for step in found.steps}
    return {
        "slug": found.slug,
        "title": found.title,
        "stale": found.stale,
        "ran_at": found.ran_at,
        "waits": found.waits,
        "steps": [
            {
                "number": step.number,
                "text": step.text,
                "kind": step.kind.value,
                "action": step.action,
                "done_at": (tick := ticks.get(step.number)) and tick.at,
                "done_by": tick.by.username if tick and tick.by else None,
                "result": results.get(step.number),
            }
            for step in book.runbook.steps
        ],
    }
