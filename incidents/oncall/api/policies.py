"""Escalation policies over REST."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal

from django.http import Http404
from ninja import Query, Router, Schema, Status
from pydantic import Field

from incidents.oncall import services
from incidents.oncall.api.lookups import team_of
from incidents.oncall.document import HoursDocument
from incidents.oncall.models import EscalationPolicy, PolicyStep, StepTarget
from incidents.oncall.queries.policies import Told, people_by_target, read, with_steps
from incidents.oncall.services import PolicySettings, StepSpec, TargetSpec
from incidents.paging.escalation import Policy, Step, Target
from incidents.policies import queries as policy_queries
from incidents.policies.queries import value_of
from observability.core.access import Request
from sloengine.catalog.api import service_if_named

router = Router(tags=["on call"])


class TargetBody(Schema):
    kind: Literal["user", "schedule", "team"]
    name: str


class StepIn(Schema):
    targets: list[TargetBody] = Field(min_length=1)
    after_seconds: int = Field(300, ge=0, le=7 * 86400)
    round_robin: bool = False
    mildest_severity: int = Field(5, ge=1, le=5)
    hours: list[HoursDocument] = []
    zone: str = "UTC"


class PolicyIn(Schema):
    name: str = Field(min_length=1, max_length=200)
    steps: list[StepIn]
    repeats: int = Field(2, ge=0, le=20)
    acknowledgements: int = Field(1, ge=1, le=20)
    sev1_answer_seconds: int | None = 1800
    other_answer_seconds: int | None = None
    service: str = ""
    team: str = ""
    is_default: bool = False
    is_fallback: bool = False


class StepOut(Schema):
    targets: list[TargetBody]
    tells: list[str]
    now: list[str]
    after_seconds: int
    round_robin: bool
    mildest_severity: int
    hours: list[HoursDocument]
    zone: str


class PolicyOut(Schema):
    slug: str
    name: str
    meant_for: str
    repeats: int
    acknowledgements: int
    sev1_answer_seconds: int | None
    other_answer_seconds: int | None
    service: str
    team: str
    is_default: bool
    is_fallback: bool
    steps: list[StepOut]


class ToldOut(Schema):
    step: int = Field(alias="number", description="counted from 1; 0 is the fallback")
    round: int
    after_seconds: float
    tells: str = Field(alias="step.label")
    skipped: bool
    reason: str


@router.get("/policies", response=list[PolicyOut], summary="Escalation policies, and whom each step tells now")
def policies(request: Request) -> list[dict[str, Any]]:
    rows = list(with_steps(request.organisation).select_related("service", "team"))
    return _policies(request, rows)


@router.get("/policies/{slug}", response=PolicyOut, summary="One policy, as PUT takes it, and whom it tells now")
def policy(request: Request, slug: str) -> dict[str, Any]:
    return _policies(request, [_load(request, slug)])[0]


@router.get(
    "/policies/{slug}/course",
    response=list[ToldOut],
    summary="Who would be told when, if an incident began now and nobody answered",
)
def course(request: Request, slug: str, severity: Annotated[int, Query(ge=1, le=5)] = 2) -> list[Any]:
    found = read(_load(request, slug))
    run = policy_queries.run(organisation=request.organisation, policy=found, severity=severity, at=request.moment)
    return list(run.told)


@router.put("/policies/{slug}", response=PolicyOut, summary="Make or replace an escalation policy")
def put_policy(request: Request, slug: str, body: PolicyIn) -> dict[str, Any]:
    steps = [_spec(step) for step in body.steps]
    given = body.dict(exclude={"name", "steps", "service", "team"})
    made = services.save_policy(
        organisation=request.organisation,
        slug=slug,
        name=body.name,
        steps=steps,
        given=PolicySettings(
            **given, service=service_if_named(request, body.service), team=team_of(request, body.team)
        ),
        actor=request.actor,
        now=request.moment,
    )
    row = with_steps(request.organisation).select_related("service", "team").get(pk=made.pk)
    return _policies(request, [row])[0]


@router.delete("/policies/{slug}", response={204: None}, summary="Remove a policy; escalations under way keep theirs")
def remove_policy(request: Request, slug: str) -> Status[None]:
    services.remove_policy(policy=_load(request, slug), actor=request.actor, now=request.moment)
    return Status(204, None)


def _load(request: Request, slug: str) -> EscalationPolicy:
    found = policy_queries.policy(organisation=request.organisation, slug=slug)
    if found is None:
        raise Http404(f"There is no policy {slug} here.")
    return found


def _spec(step: StepIn) -> StepSpec:
    given = step.dict(exclude={"targets", "hours"})
    return StepSpec([TargetSpec(one.kind, one.name) for one in step.targets], hours=step.hours, **given)


def _policies(request: Request, rows: list[EscalationPolicy]) -> list[dict[str, Any]]:
    loaded = [(row, read(row)) for row in rows]
    targets = [target for _, policy in loaded for step in policy.steps for target in step.targets]
    people = people_by_target(organisation=request.organisation, targets=targets, at=request.moment)
    return [
        {
            "slug": row.slug,
            "name": row.name,
            "meant_for": row.meant_for,
            "repeats": row.repeats,
            "acknowledgements": row.acknowledgements,
            "sev1_answer_seconds": row.sev1_answer_seconds,
            "other_answer_seconds": row.other_answer_seconds,
            "service": row.service.slug if row.service is not None else "",
            "team": row.team.slug if row.team is not None else "",
            "is_default": row.is_default,
            "is_fallback": row.is_fallback,
            "steps": [_step(step, kept, people) for step, kept in _with_rows(policy, row)],
        }
        for row, policy in loaded
    ]


def _with_rows(policy: Policy, row: EscalationPolicy) -> list[tuple[Step, PolicyStep]]:
    kept = {one.pk: one for one in row.steps.all()}
    return [(step, kept[step.row_id]) for step in policy.steps if step.row_id is not None]


def _step(step: Step, row: PolicyStep, people: Mapping[Target, Sequence[Told]]) -> dict[str, Any]:
    return {
        "targets": [_target(one) for one in row.targets.all()],
        "tells": [target.name for target in step.targets],
        "now": [one.user.username for target in step.targets for one in people[target]],
        "after_seconds": step.after_seconds,
        "round_robin": step.round_robin,
        "mildest_severity": step.mildest_severity,
        "hours": row.hours,
        "zone": step.zone,
    }


def _target(row: StepTarget) -> dict[str, str]:
    kind, _, name = value_of(row).partition(":")
    return {"kind": kind, "name": name}
