"""The back-test of an objective: its alerts over recorded rollups or what a Prometheus tells, under its own target and others."""

from __future__ import annotations

from dataclasses import replace

from django.http import HttpResponse
from django.shortcuts import get_object_or_404, render
from django.utils import timezone
from django.views.decorators.http import require_safe

from observability.core.access import Request, viewed
from sloengine.backtests import page, queries
from sloengine.objectives.models import Objective
from sloengine.sources.base import SourceUnavailable


@require_safe
@viewed
def slo_backtest(request: Request, service: str, slug: str) -> HttpResponse:
    rows = Objective.objects.select_related("service", "organisation")
    objective = get_object_or_404(rows, organisation=request.organisation, service__slug=service, slug=slug)
    asked = page.asked(request.GET, promise=objective.promise)
    test = None
    if not asked.problem:
        try:
            test = queries.tested(objective=objective, asked=asked, now=request.moment)
        except SourceUnavailable as problem:
            asked = replace(asked, problem=f"Nothing was replayed: {problem.reason}.")
    sources = queries.telling(objective.organisation)
    zone = timezone.get_current_timezone()
    shown = page.shown(test, asked=asked, unit=objective.unit, zone=zone, sources=sources)
    return render(request, "objectives/backtest.html", {"here": "slos", "objective": objective, "page": shown})
