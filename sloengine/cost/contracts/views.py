"""Contracts: the list, one with its burn-down and bill, a review."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_POST, require_safe

from observability.core.access import Request, viewed
from observability.core.refusals import Refused
from sloengine import charts
from sloengine.cost.contracts import picture, queries, services
from sloengine.cost.contracts import standing as texts
from sloengine.cost.contracts.forms import ContractForm, filled
from sloengine.cost.contracts.models import Contract, CostReview
from sloengine.cost.contracts.terms import THRESHOLDS, BadContract
from sloengine.cost.queries import currency_of

HERE = {"here": "cost", "tab": "contracts"}


@require_safe
@viewed
def contracts(request: Request) -> HttpResponse:
    return _list(request, ContractForm(initial={"currency": currency_of(request.organisation)}))


@require_POST
@viewed
def put(request: Request) -> HttpResponse:
    """A new contract, or the terms of one anew: the slug of its name says which."""
    form = ContractForm(request.POST)
    if form.is_valid():
        try:
            row = services.put(
                organisation=request.organisation, given=form.given, actor=request.actor, now=request.moment
            )
        except BadContract as problem:
            form.refuse(problem)
        else:
            return redirect("contract", slug=row.slug)
    return _list(request, form)


@require_safe
@viewed
def contract(request: Request, slug: str) -> HttpResponse:
    row = _contract(request, slug)
    standing = queries.standing(contract=row, now=request.moment)
    context: dict[str, Any] = {
        **HERE,
        "row": row,
        "standing": standing,
        "form": filled(row),
        "break_even": texts.break_even_said(row.terms),
        "cap": texts.tokens_said(row.terms.cap_tokens),
        "commitment": texts.tokens_said(row.commitment_tokens),
        "reviews": [queries.review_page(review=one, now=request.moment) for one in _reviews(row)],
    }
    if standing is not None:
        context |= {
            "headline": texts.headline(standing),
            "outlook": texts.outlook(standing),
            "lines": [(line, texts.usd_said(line.usd, row.currency)) for line in standing.bill.lines],
            "usd": texts.usd_said(standing.bill.usd, row.currency),
            "saved": texts.usd_said(standing.bill.saved_usd, row.currency),
            "projected": None if standing.projected is None else texts.usd_said(standing.projected.usd, row.currency),
            "between": None
            if standing.at_least is None or standing.at_most is None
            else (
                texts.usd_said(standing.at_least.usd, row.currency),
                texts.usd_said(standing.at_most.usd, row.currency),
            ),
            "thresholds": [(one, one in standing.reached) for one in THRESHOLDS],
            "wide": picture.burn_down(standing),
            "narrow": picture.burn_down(standing, width=charts.NARROW),
        }
    return render(request, "cost/contract.html", context)


@require_POST
@viewed
def call_off(request: Request, slug: str) -> HttpResponse:
    services.call_off(contract=_contract(request, slug), actor=request.actor, now=request.moment)
    return redirect("contract", slug=slug)


@require_safe
@viewed
def review(request: Request, pk: int) -> HttpResponse:
    found = _review(request, pk)
    page = queries.review_page(review=found, now=request.moment)
    context = {
        **HERE,
        "page": page,
        "review": found,
        "usd": texts.usd_said(found.usd, found.contract.currency),
        "tokens": texts.tokens_said(found.tokens),
    }
    return render(request, "cost/review.html", context)


@require_POST
@viewed
def close(request: Request, pk: int) -> HttpResponse:
    try:
        services.close_review(
            review=_review(request, pk), note=request.POST.get("note", ""), actor=request.actor, now=request.moment
        )
    except Refused as problem:
        messages.error(request, str(problem))
    return redirect("cost_review", pk=pk)


def _list(request: Request, form: ContractForm) -> HttpResponse:
    context = {
        **HERE,
        "form": form,
        "rows": list(queries.contracts(organisation=request.organisation)),
        "reviews": list(queries.reviews(organisation=request.organisation)[:20]),
        "today": request.moment.date(),
    }
    return render(request, "cost/contracts.html", context, status=422 if form.errors else 200)


def _contract(request: Request, slug: str) -> Contract:
    return get_object_or_404(
        Contract.objects.select_related("organisation"), organisation=request.organisation, slug=slug
    )


def _review(request: Request, pk: int) -> CostReview:
    rows = CostReview.objects.select_related("contract__organisation")
    return get_object_or_404(rows, organisation=request.organisation, pk=pk)


def _reviews(row: Contract) -> list[CostReview]:
    return list(CostReview.objects.filter(contract=row).select_related("contract"))
