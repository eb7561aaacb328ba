"""Spending budgets over REST."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from django.http import Http404
from ninja import Query, Router, Schema, Status
from ninja.errors import HttpError
from pydantic import Field

from observability.core.access import Request
from observability.core.rest import PageOf, Paging, page
from sloengine.cost.contracts.bill import cents
from sloengine.cost.tenantbudgets import queries, services
from sloengine.cost.tenantbudgets.budget import BadBudget
from sloengine.cost.tenantbudgets.models import SpendBudget

router = Router(tags=["spending budgets"])


class BudgetIn(Schema):
    name: str
    scope: str = Field(description="tenant, tag or team")
    who: str
    window: str = Field("month", description="month, or a rolling window such as 7d")
    soft_usd: str = ""
    hard_usd: str = Field("", description='a text, so that it stays exact: "1000.00"')
    owner: str
    currency: str = Field("", description="of all prices here; another one is refused")


class BudgetOut(Schema):
    slug: str
    name: str
    scope: str
    who: str
    days: int | None = Field(description="of a rolling window; null: the calendar month")
    soft_usd: str | None
    hard_usd: str | None
    currency: str
    owner: str
    checked_at: datetime | None
    standing: dict[str, Any] = Field(description="how it stood when it was last looked at")

    @staticmethod
    def resolve_soft_usd(row: SpendBudget) -> str | None:
        return None if row.soft_usd is None else str(row.soft_usd)

    @staticmethod
    def resolve_hard_usd(row: SpendBudget) -> str | None:
        return None if row.hard_usd is None else str(row.hard_usd)


class StateOut(Schema):
    spent_usd: str
    unknown_tokens: int = Field(description="of the window, that have no price")
    ratio: float
    level: str
    overrun_on: date | None
    overrun_from: date | None = Field(description="if more is spent than expected")
    said: str


@router.get("/spend-budgets", response=PageOf[BudgetOut], summary="Spending budgets")
def budgets(request: Request, paging: Query[Paging]) -> dict[str, Any]:
    return page(queries.budgets(organisation=request.organisation), paging)


@router.put("/spend-budgets", response=BudgetOut, summary="A new budget, or the limits of one of this name anew")
def put(request: Request, body: BudgetIn) -> SpendBudget:
    try:
        return services.put(
            organisation=request.organisation, given=body.dict(), actor=request.actor, now=request.moment
        )
    except BadBudget as error:
        raise HttpError(422, "; ".join(error.problems)) from error


@router.get("/spend-budgets/{slug:slug}", response=StateOut, summary="Where a budget stands now")
def state(request: Request, slug: str) -> dict[str, Any]:
    found, _ = queries.state(budget=_budget(request, slug), now=request.moment)
    return {
        "spent_usd": str(cents(found.spent)), "unknown_tokens": found.unknown, "ratio": float(found.ratio), "level": found.level.value,
        "overrun_on": found.overrun_on, "overrun_from": found.overrun_from, "said": services.said(found),
    }  # fmt: skip


@router.delete("/spend-budgets/{slug:slug}", response={204: None}, summary="Remove a budget")
def remove(request: Request, slug: str) -> Status[None]:
    services.remove(budget=_budget(request, slug), actor=request.actor, now=request.moment)
    return Status(204, None)


def _budget(request: Request, slug: str) -> SpendBudget:
    row = (
        SpendBudget.objects.filter(organisation=request.organisation, slug=slug).select_related("organisation").first()
    )
    if row is None:
        raise Http404(f"There is no spending budget {slug} here.")
    return row
