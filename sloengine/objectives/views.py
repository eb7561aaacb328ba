"""SLOs: the table with its budgets, and one with its burn-down and windows."""

from __future__ import annotations

from django.http import HttpResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_safe

from observability.core.access import Request, viewed
from sloengine.objectives.models import Objective
from sloengine.screens import queries


@require_safe
@viewed
def slos(request: Request) -> HttpResponse:
    page = queries.slo_table(
        organisation=request.organisation, service=request.GET.get("service", ""), now=request.moment
    )
    return render(request, "objectives/list.html", {"here": "slos", "page": page})


@require_safe
@viewed
def slo(request: Request, service: str, slug: str) -> HttpResponse:
    rows = Objective.objects.select_related("service", "organisation")
    objective = get_object_or_404(rows, organisation=request.organisation, service__slug=service, slug=slug)
    return render(
        request,
        "objectives/detail.html",
        {"here": "slos", "page": queries.slo_page(objective=objective, now=request.moment)},
    )
