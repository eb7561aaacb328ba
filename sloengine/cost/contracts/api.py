"""Contracts and cost reviews over REST."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import Any

from django.http import Http404
from ninja import Query, Router, Schema, Status
from ninja.errors import HttpError
from pydantic import Field

from observability.core.access import Request
from observability.core.rest import PageOf, Paging, page
from sloengine.cost.contracts import queries, services
from sloengine.cost.contracts import standing as texts
from sloengine.cost.contracts.bill import break_even_ratio, cents
from sloengine.cost.contracts.models import Contract, CostReview
from sloengine.cost.contracts.terms import BadContract

router = Router(tags=["contracts"])


class ContractIn(Schema):
    """Amounts are texts, so that they stay exact: "0.13"."""

    name: str
    starts_on: str
    ends_on: str = Field(description="the last day of the term")
    period: str = Field(description="month, quarter, year or term")
    commitment_tokens: str = Field(description="a period")
    rate: str = Field(description="USD per 1,000 tokens")
    overage_rate: str
    overage_cap_ratio: str = Field(description="of the commitment: 0.10")
    rate_beyond: str
    shortfall_paid: bool = True
    currency: str = "USD"
    owner: str
    country: str = Field("", description="whose holidays move due dates")
    zone: str = "UTC"
    services: list[str] = []
    token_classes: list[str] = []
    carried_tokens: str = "0"
    counted_from: str = ""


class ReviewOut(Schema):
    id: int
    contract: str = Field(alias="contract.slug")
    period_first: date
    opened_at: datetime
    tokens: int
    usd: str
    owner: str
    due_on: date
    closed_at: datetime | None
    closed_by: str
    note: str

    @staticmethod
    def resolve_usd(row: CostReview) -> str:
        return str(cents(row.usd))


class ContractOut(Schema):
    slug: str
    name: str
    starts_on: date
    ends_on: date
    period: str
    commitment_tokens: int
    rate: Decimal
    overage_rate: Decimal
    overage_cap_ratio: Decimal
    rate_beyond: Decimal
    shortfall_paid: bool
    currency: str
    owner: str
    country: str
    zone: str
    services: list[str]
    token_classes: list[str]
    carried_tokens: int
    counted_from: date | None
    ended_at: datetime | None
    checked_at: datetime | None
    standing: dict[str, Any] = Field(description="how it stood when it was last looked at")


class LineOut(Schema):
    what: str
    tokens: int
    rate: str
    usd: str


class StandingOut(Schema):
    """Money to the cent. Dates: the commitment is used up on `reached_on`, between `earliest` and `latest`; null: not in the period."""

    period_first: date
    period_last: date
    tokens: int
    ratio: float
    usd: str
    on_demand_usd: str
    effective_rate: str | None
    break_even_ratio: float | None
    lines: list[LineOut]
    thresholds_reached: list[float]
    past_cap: bool
    reached_on: date | None
    earliest: date | None
    latest: date | None
    projected_usd: str | None
    at_least_usd: str | None
    at_most_usd: str | None
    unsplit_tokens: int
    headline: str
    outlook: str


class CloseIn(Schema):
    note: str = Field(description="what was decided and why")


@router.get("/contracts", response=PageOf[ContractOut], summary="Contracts, those in force first")
def contracts(request: Request, paging: Query[Paging]) -> dict[str, Any]:
    return page(queries.contracts(organisation=request.organisation), paging)


@router.put("/contracts", response=ContractOut, summary="A new contract, or the terms of one of this name anew")
def put(request: Request, body: ContractIn) -> Contract:
    given = body.dict()
    try:
        return services.put(organisation=request.organisation, given=given, actor=request.actor, now=request.moment)
    except BadContract as error:
        raise HttpError(422, "; ".join(error.problems)) from error


@router.get("/contracts/{slug:slug}", response=StandingOut, summary="Where a contract stands now")
def standing(request: Request, slug: str) -> dict[str, Any]:
    row = _contract(request, slug)
    found = queries.standing(contract=row, now=request.moment)
    if found is None:
        raise HttpError(409, f"{row.name} begins on {row.starts_on}.")
    bill, burn = found.bill, found.burn
    rate, even = bill.effective_rate, break_even_ratio(found.terms)

    def money(one: Any) -> str | None:
        return None if one is None else str(cents(one.usd))

    return {
        "period_first": found.span.first, "period_last": found.span.last, "tokens": found.tokens, "ratio": float(found.ratio),
        "usd": str(cents(bill.usd)), "on_demand_usd": str(cents(bill.on_demand_usd)),
        "effective_rate": None if rate is None else str(round(rate, 8)),
        "break_even_ratio": None if even is None else float(even),
        "lines": [
            {"what": line.what, "tokens": line.tokens, "rate": str(line.rate), "usd": str(cents(line.usd))} for line in bill.lines
        ],
        "thresholds_reached": [float(one) for one in found.reached], "past_cap": found.past_cap,
        "reached_on": burn.reached_on, "earliest": burn.earliest, "latest": burn.latest,
        "projected_usd": money(found.projected), "at_least_usd": money(found.at_least), "at_most_usd": money(found.at_most),
        "unsplit_tokens": found.unsplit, "headline": texts.headline(found), "outlook": texts.outlook(found),
    }  # fmt: skip


@router.post("/contracts/{slug:slug}/call-off", response=ContractOut, summary="Look at this contract no more")
def call_off(request: Request, slug: str) -> Contract:
    return services.call_off(contract=_contract(request, slug), actor=request.actor, now=request.moment)


@router.get("/cost-reviews", response=PageOf[ReviewOut], summary="Cost reviews, open ones first")
def reviews(request: Request, paging: Query[Paging]) -> dict[str, Any]:
    return page(queries.reviews(organisation=request.organisation), paging)


@router.post("/cost-reviews/{int:pk}/close", response={200: ReviewOut}, summary="Close a review with what was decided")
def close(request: Request, pk: int, body: CloseIn) -> Status[CostReview]:
    row = (
        CostReview.objects.filter(organisation=request.organisation, pk=pk)
        .select_related("contract__organisation")
        .first()
    )
    if row is None:
        raise Http404(f"There is no cost review {pk} here.")
    return Status(200, services.close_review(review=row, note=body.note, actor=request.actor, now=request.moment))


def _contract(request: Request, slug: str) -> Contract:
    row = Contract.objects.filter(organisation=request.organisation, slug=slug).select_related("organisation").first()
    if row is None:
        raise Http404(f"There is no contract {slug} here.")
    return row
