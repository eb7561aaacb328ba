"""Spending budgets: the list with its bars, one with its days."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta

from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_POST, require_safe

from observability.core.access import Request, viewed
from sloengine import charts
from sloengine.cost.contracts.standing import usd_said
from sloengine.cost.tenantbudgets import queries, services
from sloengine.cost.tenantbudgets.budget import BadBudget
from sloengine.cost.tenantbudgets.forms import BudgetForm, filled
from sloengine.cost.tenantbudgets.models import SpendBudget

HERE = {"here": "cost", "tab": "budgets"}


@require_safe
@viewed
def budgets(request: Request) -> HttpResponse:
    return _list(request, BudgetForm())


@require_POST
@viewed
def put(request: Request) -> HttpResponse:
    """A new budget, or the limits of one anew: the slug of its name says which."""
    form = BudgetForm(request.POST)
    if form.is_valid():
        try:
            row = services.put(
                organisation=request.organisation, given=form.given, actor=request.actor, now=request.moment
            )
        except BadBudget as problem:
            form.refuse(problem)
        else:
            return redirect("cost_budget", slug=row.slug)
    return _list(request, form)


@require_safe
@viewed
def budget(request: Request, slug: str) -> HttpResponse:
    row = _budget(request, slug)
    state, spent = queries.state(budget=row, now=request.moment)
    days = queries.daily(spent, today=state.today)
    values = [charts.Value(datetime.combine(day, time(12), UTC), float(usd)) for day, usd in days]
    panel = charts.Panel("Spent a day", row.currency, [charts.Series("spent", values)], height=120)
    start = datetime.combine(days[0][0], time(), UTC) if days else request.moment - timedelta(days=1)
    context = {
        **HERE, "row": row, "state": state, "said": services.said(state), "spent": usd_said(state.spent, row.currency), "form": filled(row),
        "limit": usd_said(state.limits.last_limit, row.currency), "soft": usd_said(row.soft_usd, row.currency) if row.soft_usd else "none",
        "hard": usd_said(row.hard_usd, row.currency) if row.hard_usd else "none",
        "wide": charts.line(panel, start=start, end=request.moment),
        "narrow": charts.line(panel, start=start, end=request.moment, width=charts.NARROW),
    }  # fmt: skip
    return render(request, "cost/budget.html", context)


@require_POST
@viewed
def remove(request: Request, slug: str) -> HttpResponse:
    services.remove(budget=_budget(request, slug), actor=request.actor, now=request.moment)
    return redirect("cost_budgets")


def _list(request: Request, form: BudgetForm) -> HttpResponse:
    rows = list(queries.budgets(organisation=request.organisation))
    worst = sorted(rows, key=lambda row: row.standing.get("left_ratio", 1.0))
    context = {**HERE, "form": form, "rows": rows, "worst": worst[0] if worst else None}
    return render(request, "cost/budgets.html", context, status=422 if form.errors else 200)


def _budget(request: Request, slug: str) -> SpendBudget:
    return get_object_or_404(
        SpendBudget.objects.select_related("organisation"), organisation=request.organisation, slug=slug
    )
