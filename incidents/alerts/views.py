"""Alerts as they came, and why each is where it is."""

from __future__ import annotations

from django.http import HttpResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_safe

from incidents.alerts import queries
from observability.core.access import Request, viewed

ROWS = 50
STATES = (("firing", "Firing"), ("quiet", "Quiet"), ("cleared", "Cleared"), ("all", "All"))


@require_safe
@viewed
def alerts(request: Request) -> HttpResponse:
    state = request.GET.get("state", "firing")
    text, incident = request.GET.get("q", "").strip()[:200], request.GET.get("incident", "")
    page = request.GET.get("page", "1")
    start = (min(int(page), 10_000) - 1) * ROWS if page.isascii() and page.isdigit() and int(page) else 0
    found = queries.narrowed(
        organisation=request.organisation,
        state=state,
        text=text,
        incident=int(incident) if incident.isascii() and incident.isdigit() and len(incident) < 9 else None,
    )
    rows = list(found[start : start + ROWS + 1])
    context = {
        "here": "alerts",
        "rows": rows[:ROWS],
        "states": STATES,
        "state": state,
        "q": text,
        "incident": incident,
        "page": start // ROWS + 1,
        "more": len(rows) > ROWS,
        "counts": queries.counts(organisation=request.organisation),
    }
    return render(request, "alerts/list.html", context)


@require_safe
@viewed
def alert(request: Request, pk: int) -> HttpResponse:
    found = get_object_or_404(queries.alerts(organisation=request.organisation), pk=pk)
    return render(request, "alerts/detail.html", {"here": "alerts", "alert": found})
