"""Actions over REST: what is offered, ask, approve, run, take back; history; the switch, the document and its secrets."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import Any

from django.http import Http404
from ninja import Query, Router, Schema, Status
from pydantic import Field

from incidents.actions import queries, services
from incidents.actions.models import ActionDocument, ActionRun, ActionSecret, ActionSwitch
from incidents.response.api import load
from observability.core.access import Request
from observability.core.rest import PageOf, Paging, page
from sloengine.catalog.api import service_if_named

router = Router(tags=["actions"])


class RunOut(Schema):
    id: int
    incident: int | None = Field(None, alias="incident.number")
    service: str = Field(alias="service.slug")
    action: str
    parameters: dict[str, Any]
    state: str
    reason: str
    because: str
    rehearsal: bool
    undo_of: int | None = Field(None, alias="undo_of_id")
    key: str
    requested_by: str | None = Field(None, alias="requested_by.username")
    requested_at: datetime
    approved_by: list[str]
    approvals_needed: int = Field(alias="needed")
    attempts: int
    began_at: datetime | None
    done_at: datetime | None
    ended_at: datetime | None
    evidence: list[str]
    output: str

    @staticmethod
    def resolve_approved_by(run: ActionRun) -> list[str]:
        return [one.user.username for one in run.approvals.all()]


class OfferOut(Schema):
    action: str
    stand: str
    reason: str
    bound: bool


class OffersOut(Schema):
    offers: list[OfferOut]
    runs: list[RunOut]


class Asked(Schema):
    action: str
    replica: str | None = None
    region: str | None = None


class SwitchOut(Schema):
    enabled: bool
    stopped_at: datetime | None
    stopped_by: str


class Turned(Schema):
    enabled: bool


class DocumentOut(Schema):
    version: int
    text: str
    at: datetime | None = None
    by: str | None = Field(None, alias="by.username")


class NewDocument(Schema):
    text: str = Field(description="the document as YAML")
    check: bool = Field(False, description="only say whether it fits")


class SecretOut(Schema):
    name: str
    changed_at: datetime


class NewSecret(Schema):
    value: str = Field(min_length=1)


class Rehearsal(Schema):
    service: str
    action: str


class PressName(StrEnum):
    APPROVE = "approve"
    RUN = "run"
    REFUSE = "refuse"
    UNDO = "undo"
    HAPPENED = "happened"
    NOT_HAPPENED = "not-happened"


@router.get(
    "/incidents/{int:number}/actions", response=OffersOut, summary="What can be done about an incident, and was"
)
def offers(request: Request, number: int) -> Mapping[str, Any]:
    incident = load(request, number)
    found = queries.offers(incident=incident, now=request.moment) if incident.is_open else None
    rows = [
        OfferOut(action=one.kind.name, stand=one.stand.value, reason=one.reason, bound=one.binding is not None)
        for one in (found.offers if found is not None else ())
    ]
    return {"offers": rows, "runs": list(queries.runs(organisation=request.organisation, incident=incident))}


@router.post("/incidents/{int:number}/actions", response={201: RunOut}, summary="Ask for an action that is offered")
def propose(request: Request, number: int, asked: Asked) -> Status[ActionRun]:
    given = {key: value for key, value in (("replica", asked.replica), ("region", asked.region)) if value}
    run = services.propose(
        incident=load(request, number), action=asked.action, actor=request.actor, now=request.moment, given=given
    )
    return Status(201, _load(request, run.pk))


@router.get("/actions/runs", response=PageOf[RunOut], summary="Runs, newest first")
def runs(request: Request, paging: Query[Paging]) -> dict[str, Any]:
    return page(queries.runs(organisation=request.organisation), paging)


@router.get("/actions/runs/{int:pk}", response=RunOut, summary="One run")
def run(request: Request, pk: int) -> ActionRun:
    return _load(request, pk)


@router.post(
    "/actions/runs/{int:pk}/{verb}", response=RunOut, summary="Approve, run, refuse, undo, or say whether it happened"
)
def press(request: Request, pk: int, verb: PressName, reason: str = "") -> ActionRun:
    found = _load(request, pk)
    given: dict[str, Any] = {"run": found, "actor": request.actor, "now": request.moment}
    match verb:
        case PressName.APPROVE:
            services.approve(**given)
        case PressName.RUN:
            services.start(**given)
        case PressName.REFUSE:
            services.refuse(**given, reason=reason)
        case PressName.UNDO:
            return _load(request, services.undo(**given).pk)
        case _:
            services.settle(**given, happened=verb is PressName.HAPPENED)
    return _load(request, pk)


@router.post("/actions/rehearsals", response={201: RunOut}, summary="Ask the executor of a binding to change nothing")
def rehearse(request: Request, asked: Rehearsal) -> Status[ActionRun]:
    service = service_if_named(request, asked.service)
    if service is None:
        raise Http404("Name a service.")
    run = services.rehearse(service=service, action=asked.action, actor=request.actor, now=request.moment)
    return Status(201, _load(request, run.pk))


@router.get("/actions", response=SwitchOut, summary="Whether actions may run")
def switch(request: Request) -> ActionSwitch:
    return queries.switch(organisation_id=request.organisation.pk)


@router.put("/actions", response=SwitchOut, summary="Turn actions on or off")
def turn(request: Request, turned: Turned) -> ActionSwitch:
    return services.turn(organisation=request.organisation, on=turned.enabled, actor=request.actor, now=request.moment)


@router.post("/actions/stop", response=SwitchOut, summary="The kill switch: nothing begins any more")
def stop(request: Request) -> ActionSwitch:
    return services.stop(organisation=request.organisation, actor=request.actor, now=request.moment)


@router.post("/actions/resume", response=SwitchOut, summary="Take the kill switch back")
def resume(request: Request) -> ActionSwitch:
    return services.resume(organisation=request.organisation, actor=request.actor, now=request.moment)


@router.get("/actions/document", response=DocumentOut, summary="The document in force")
def document(request: Request) -> Any:
    return queries.current(organisation_id=request.organisation.pk) or DocumentOut.model_construct(version=0, text="")


@router.put("/actions/document", response=DocumentOut, summary="Let another document count, or check one")
def set_document(request: Request, new: NewDocument) -> ActionDocument | Any:
    if new.check:
        services.validated(organisation=request.organisation, text=new.text)
        return document(request)
    return services.set_document(
        organisation=request.organisation, text=new.text, actor=request.actor, now=request.moment
    )


@router.get("/actions/secrets", response=list[SecretOut], summary="Names of secrets; values are never shown")
def secrets(request: Request) -> list[ActionSecret]:
    return list(ActionSecret.objects.filter(organisation=request.organisation).defer("value"))


@router.put("/actions/secrets/{name}", response=SecretOut, summary="Keep a secret, or another in its place")
def keep(request: Request, name: str, new: NewSecret) -> ActionSecret:
    return services.keep_secret(
        organisation=request.organisation, name=name, value=new.value, actor=request.actor, now=request.moment
    )


@router.delete("/actions/secrets/{name}", response={204: None}, summary="Forget a secret")
def forget(request: Request, name: str) -> Status[None]:
    found = ActionSecret.objects.filter(organisation=request.organisation, name=name).first()
    if found is None:
        raise Http404(f"No secret {name} is kept here.")
    services.forget_secret(secret=found, actor=request.actor, now=request.moment)
    return Status(204, None)


def _load(request: Request, pk: int) -> ActionRun:
    found = queries.runs(organisation=request.organisation).filter(pk=pk).first()
    if found is None:
        raise Http404(f"There is no run {pk} here.")
    return found
