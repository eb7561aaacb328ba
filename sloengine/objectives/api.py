"""Objectives over REST: list and one with its budget, windows, burn-down and history; validate and apply documents; exclusions,
adjustments, policies."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from django.db.models import QuerySet
from django.http import Http404
from ninja import Query, Router, Schema, Status
from ninja.errors import HttpError
from pydantic import Field

from observability.core.access import Request
from observability.core.rest import PageOf, Paging, page
from sloengine.budgets import queries as budgets
from sloengine.budgets.exclusions import services as exclusions
from sloengine.budgets.exclusions.calendar import BadRule, Rule
from sloengine.budgets.exclusions.models import Adjustment, Exclusion
from sloengine.budgets.policies import queries as policies
from sloengine.budgets.policies import services as policy_services
from sloengine.budgets.policies.models import BudgetPolicy, PolicyStanding
from sloengine.budgets.policy import InvalidPolicy
from sloengine.budgets.queries import BudgetStatus, BurnPoint, BurnWindow
from sloengine.catalog.api import service_if_named
from sloengine.collect.queries import warnings_of
from sloengine.objectives import services
from sloengine.objectives.models import Objective, ObjectiveChange
from sloengine.objectives.openslo import InvalidObjectives
from sloengine.objectives.queries import last_state
from sloengine.objectives.texts import Document

router = Router(tags=["objectives"])


class ObjectiveOut(Schema):
    service: str = Field(alias="service.slug")
    slug: str
    title: str
    goal: str
    indicator: str
    method: str
    target: Decimal
    window_seconds: float = Field(alias="window.total_seconds")
    notice: str
    changed_at: datetime


class ObjectiveWhole(ObjectiveOut):
    document: dict[str, Any] = Field(description="as an OpenSLO v1 SLO")
    last_reading: str | None = Field(None, description="ok, zero traffic, no data or partial, as its source says")
    warnings: list[str] = Field([], description="why its queries had no answer at the last tick")

    @staticmethod
    def resolve_last_reading(row: Objective) -> str | None:
        state = last_state(row)
        return state.name.lower().replace("_", " ") if state is not None else None

    @staticmethod
    def resolve_warnings(row: Objective) -> tuple[str, ...]:
        return warnings_of(row)


class BudgetOut(Schema):
    state: str
    spent_ratio: float | None
    remaining_ratio: float | None
    attained_ratio: float | None
    allowed: float | None
    bad: float
    total: float
    unit: str
    burn_rate_1h: float | None = Field(alias="burn_rate")
    exhausted_in: timedelta | None
    partial: bool
    notice: str
    firing: list[str]


class WindowOut(Schema):
    tier: str
    severity: str
    long_seconds: int
    short_seconds: int
    factor: float
    burn_long: float | None
    burn_short: float | None
    bad: float
    total: float
    partial: bool
    firing: bool
    reason: str


class PointOut(Schema):
    at: datetime
    remaining_ratio: float | None


class ChangeOut(Schema):
    at: datetime
    kind: str
    actor: str
    before: dict[str, Any] | None
    after: dict[str, Any] | None


class Documents(Schema):
    text: str = Field(min_length=1, max_length=2_000_000, description="OpenSLO objects as YAML, --- between them")
    prune: bool = False
    dry_run: bool = False


class AppliedOut(Schema):
    added: list[str]
    changed: list[str]
    removed: list[str]
    unchanged: list[str]
    diff: list[str]
    notes: list[str]


class ExclusionIn(Schema):
    reason: str = Field(min_length=1, max_length=300)
    starts_at: datetime
    minutes: int = Field(ge=1, le=31 * 1440)
    rrule: str = Field("", max_length=300)
    zone: str = "UTC"
    service: str = ""
    objective: str = Field("", description="slug of an objective of the service; every one where left out")


class ExclusionOut(Schema):
    id: int
    reason: str
    starts_at: datetime
    duration: timedelta
    rrule: str
    zone: str
    until: datetime | None
    service: str | None = Field(None, alias="service.slug")
    objective: str | None = Field(None, alias="objective.slug")
    created_by: str


class AdjustmentIn(Schema):
    ratio: Decimal = Field(ge=-10, le=10, description="0.25 gives a quarter of the budget back")
    reason: str = Field(min_length=1, max_length=300)
    at: datetime | None = None


class AdjustmentOut(Schema):
    at: datetime
    ratio: Decimal
    reason: str
    created_by: str


class StandingOut(Schema):
    service: str = Field(alias="objective.service.slug")
    objective: str = Field(alias="objective.slug")
    policy: str
    step: str
    reason: str
    consequence: str
    spent_ratio: float | None
    since: datetime


class PolicyIn(Schema):
    text: str = Field(min_length=1, max_length=20_000, description="as budget_policy.yaml")


class PolicyOut(Schema):
    name: str
    text: str
    changed_at: datetime
    changed_by: str


class Filters(Paging):
    service: str = ""
    indicator: str = ""
    text: str = ""


@router.get("/objectives", response=PageOf[ObjectiveOut], summary="Objectives, by service and name")
def objectives(request: Request, filters: Query[Filters]) -> dict[str, Any]:
    found = Objective.objects.enabled().filter(organisation=request.organisation).select_related("service")
    found = found.filter(service__slug=filters.service) if filters.service else found
    found = found.filter(indicator=filters.indicator) if filters.indicator else found
    found = found.filter(title__icontains=filters.text) if filters.text else found
    return page(found.order_by("service__slug", "slug"), filters)


@router.post("/objectives/apply", response=AppliedOut, summary="Apply OpenSLO documents: whole or not at all")
def apply(request: Request, body: Documents) -> services.Applied:
    try:
        return services.apply(
            organisation=request.organisation,
            documents=[Document("text", body.text)],
            actor=request.actor,
            now=request.moment,
            prune=body.prune,
            preview=body.dry_run,
        )
    except InvalidObjectives as error:
        raise HttpError(422, str(error)) from error


@router.get("/objectives/{path:service}/{slug:slug}/budget", response=BudgetOut, summary="Its error budget now")
def budget(request: Request, service: str, slug: str) -> BudgetStatus:
    return budgets.statuses(objectives=[load(request, service, slug)], now=request.moment)[0]


@router.get("/objectives/{path:service}/{slug:slug}/windows", response=list[WindowOut], summary="Its alert windows now")
def windows(request: Request, service: str, slug: str) -> list[BurnWindow]:
    return budgets.burn_windows(objective=load(request, service, slug), now=request.moment)


@router.get(
    "/objectives/{path:service}/{slug:slug}/burn-down", response=list[PointOut], summary="Budget left over its window"
)
def burn_down(request: Request, service: str, slug: str) -> list[BurnPoint]:
    found, now = load(request, service, slug), request.moment
    return budgets.burn_down(objective=found, start=now - found.window, end=now)


@router.get(
    "/objectives/{path:service}/{slug:slug}/changes",
    response=PageOf[ChangeOut],
    summary="Who changed what, newest first",
)
def changes(request: Request, service: str, slug: str, paging: Query[Paging]) -> dict[str, Any]:
    return page(ObjectiveChange.objects.filter(objective=load(request, service, slug)), paging)


@router.get(
    "/objectives/{path:service}/{slug:slug}/adjustments", response=list[AdjustmentOut], summary="Its adjustments"
)
def adjustments(request: Request, service: str, slug: str) -> QuerySet[Adjustment]:
    return load(request, service, slug).adjustments.all()


@router.post(
    "/objectives/{path:service}/{slug:slug}/adjustments", response={201: AdjustmentOut}, summary="Adjust its budget"
)
def adjust(request: Request, service: str, slug: str, body: AdjustmentIn) -> Status[Adjustment]:
    found, now = load(request, service, slug), request.moment
    try:
        row = exclusions.adjust(
            objective=found, ratio=body.ratio, reason=body.reason, at=body.at or now, actor=request.actor, now=now
        )
    except BadRule as error:
        raise HttpError(422, str(error)) from error
    return Status(201, row)


@router.get(
    "/objectives/{path:service}/{slug:slug}", response=ObjectiveWhole, summary="One objective with its document"
)
def objective(request: Request, service: str, slug: str) -> Objective:
    return load(request, service, slug)


@router.get("/exclusions", response=PageOf[ExclusionOut], summary="Time that does not count, newest first")
def list_exclusions(request: Request, paging: Query[Paging]) -> dict[str, Any]:
    rows = Exclusion.objects.filter(organisation=request.organisation).select_related("service", "objective")
    return page(rows, paging)


@router.post("/exclusions", response={201: ExclusionOut}, summary="Exclude time, once or by a rule, backwards too")
def exclude(request: Request, body: ExclusionIn) -> Status[Exclusion]:
    of_one = load(request, body.service, body.objective) if body.objective else None
    try:
        row = exclusions.exclude(
            organisation=request.organisation,
            rule=Rule(body.starts_at, timedelta(minutes=body.minutes), body.rrule, body.zone),
            reason=body.reason,
            actor=request.actor,
            now=request.moment,
            service=service_if_named(request, body.service) if of_one is None else None,
            objective=of_one,
        )
    except BadRule as error:
        raise HttpError(422, str(error)) from error
    return Status(201, row)


@router.post("/exclusions/{int:number}/call-off", response=ExclusionOut, summary="End an exclusion from now on")
def call_off(request: Request, number: int) -> Exclusion:
    row = Exclusion.objects.filter(organisation=request.organisation, pk=number).first()
    if row is None:
        raise Http404(f"There is no exclusion {number} here.")
    return exclusions.call_off(exclusion=row, actor=request.actor, now=request.moment)


@router.get("/budget-policy/standings", response=PageOf[StandingOut], summary="Objectives at a step of their policy")
def standings(request: Request, filters: Query[Filters]) -> dict[str, Any]:
    service = service_if_named(request, filters.service)
    rows: QuerySet[PolicyStanding] = policies.standings(organisation=request.organisation, service=service)
    return page(rows, filters)


@router.get("/budget-policy", response=list[PolicyOut], summary="Policies of your own")
def list_policies(request: Request) -> QuerySet[BudgetPolicy]:
    return BudgetPolicy.objects.filter(organisation=request.organisation).order_by("name")


@router.put(
    "/budget-policy", response=PolicyOut, summary="Keep a policy under its name; `default` replaces the shipped one"
)
def put_policy(request: Request, body: PolicyIn) -> BudgetPolicy:
    try:
        return policy_services.put_policy(
            organisation=request.organisation, text=body.text, actor=request.actor, now=request.moment
        )
    except InvalidPolicy as error:
        raise HttpError(422, str(error)) from error


def load(request: Request, service: str, slug: str) -> Objective:
    """An objective of the caller's organisation; 404 where there is none."""
    rows = Objective.objects.filter(organisation=request.organisation).select_related("service", "organisation")
    found = rows.filter(service__slug=service, slug=slug).first()
    if found is None:
        raise Http404(f"There is no objective {service}/{slug} here.")
    return found
