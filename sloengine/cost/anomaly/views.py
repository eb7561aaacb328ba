"""Cost anomalies: what was found, what drives it, and what people foresaw."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.dateparse import parse_date
from django.views.decorators.http import require_POST, require_safe

from observability.core.access import Request, viewed
from sloengine.budgets.models import Finding
from sloengine.cost.anomaly import queries, services, telling
from sloengine.cost.anomaly.models import CostFeedback

DAYS = 30
MOST = 200


@require_safe
@viewed
def anomalies(request: Request) -> HttpResponse:
    found = list(
        queries.anomalies(organisation=request.organisation, since=request.moment - timedelta(days=DAYS))[:MOST]
    )
    rows = [(row, telling.shown(row.evidence)) for row in found]
    context = {
        "here": "cost",
        "tab": "anomalies",
        "rows": rows,
        "firing": [row for row in found if row.state == "firing"],
        "days": DAYS,
        "feedback": queries.feedback(organisation=request.organisation)[:MOST],
        "tomorrow": (request.moment + timedelta(days=1)).date(),
    }
    return render(request, "cost/anomalies.html", context)


@require_POST
@viewed
def give(request: Request, pk: int) -> HttpResponse:
    rows = Finding.objects.filter(organisation=request.organisation).select_related("service")
    finding = get_object_or_404(rows, pk=pk)
    day = parse_date(request.POST.get("until", "")) if request.POST.get("until") else None
    until = datetime.combine(day, time.max, tzinfo=UTC) if day is not None else None
    kind = CostFeedback.Kind.EXPECTED if until is None else CostFeedback.Kind.EVENT
    try:
        services.give_feedback(
            finding=finding, kind=kind, note=request.POST.get("note", ""), until=until, actor=request.actor,
            now=request.moment,
        )  # fmt: skip
    except services.BadFeedback as problem:
        messages.error(request, f"Not kept: {problem}.")
    else:
        messages.success(request, "Kept: the same again tells nobody.")
    return redirect("cost_anomalies")


@require_POST
@viewed
def forget(request: Request, pk: int) -> HttpResponse:
    row = get_object_or_404(CostFeedback, organisation=request.organisation, pk=pk)
    services.forget_feedback(feedback=row, actor=request.actor, now=request.moment)
    return redirect("cost_anomalies")
