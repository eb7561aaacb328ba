"""One's own notification rules and quiet hours over REST."""

from __future__ import annotations

from typing import Any

from ninja import Router, Schema
from pydantic import Field

from incidents.oncall.document import HoursDocument
from incidents.paging.rules import queries, services
from incidents.paging.rules.models import QuietHours
from incidents.paging.rules.plan import Rule
from observability.core.access import Request

router = Router(tags=["on call"])


class RuleBody(Schema):
    endpoint_id: int
    after_seconds: int = Field(0, ge=0, le=86400)
    mildest_severity: int = Field(5, ge=1, le=5)


class QuietBody(Schema):
    hours: list[HoursDocument] = []
    comes_through: int = Field(2, ge=1, le=5, description="incidents this severe or worse ring all the same")


@router.get("/me/rules", response=list[RuleBody], summary="Which of my pagers rings after how long")
def rules(request: Request) -> list[Any]:
    return list(queries.rules_of(organisation=request.organisation, user=request.user))


@router.put("/me/rules", response=list[RuleBody], summary="Set my rules; none: every pager rings at once")
def put_rules(request: Request, body: list[RuleBody]) -> list[Any]:
    given = [Rule(**one.dict()) for one in body]
    services.set_rules(
        organisation=request.organisation, user=request.user, rules=given, actor=request.actor, now=request.moment
    )
    return list(queries.rules_of(organisation=request.organisation, user=request.user))


@router.get("/me/quiet-hours", response=QuietBody, summary="When I am not rung for little things")
def quiet(request: Request) -> dict[str, Any]:
    row = QuietHours.objects.filter(organisation=request.organisation, user=request.user).first()
    return {"hours": row.hours, "comes_through": row.comes_through} if row is not None else {}


@router.put("/me/quiet-hours", response=QuietBody, summary="Set my quiet hours, in my own zone; none: never quiet")
def put_quiet(request: Request, body: QuietBody) -> QuietBody:
    services.set_quiet_hours(
        organisation=request.organisation,
        user=request.user,
        hours=body.hours,
        comes_through=body.comes_through,
        actor=request.actor,
        now=request.moment,
    )
    return body
