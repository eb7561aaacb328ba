"""/cost/: who spends how much on what."""

from __future__ import annotations

from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from observability.core.access import Request, viewed
from sloengine import charts
from sloengine.catalog.models import Service
from sloengine.cost.ledger.queries import overview

#: What a reader may break the spend down by, and how it is called.
BREAKDOWNS = {
    "tenant": "Tenant", "service": "Service", "team": "Team", "model": "Model", "variant": "Variant", "tag": "Tag",
    "region": "Region", "hardware": "Hardware", "day": "Day",
}  # fmt: skip
RANGES = {24: "24 hours", 168: "7 days", 720: "30 days", 2160: "90 days", 9600: "400 days"}
MOST_ROWS = 200


@require_safe
@viewed
def spent(request: Request) -> HttpResponse:
    by = request.GET.get("by", "")
    by = by if by in BREAKDOWNS else "tenant"
    hours = request.GET.get("hours", "")
    asked = int(hours) if hours.isdecimal() and int(hours) in RANGES else 24
    service = request.GET.get("service", "")
    found = overview(organisation=request.organisation, hours=asked, by=(by,), now=request.moment, service=service)
    rows = found.report.rows
    lines = [
        (row, charts.sparkline(found.tokens.get(row.key, []), label=f"{row.key[0] or 'nobody'}: tokens") if found.tokens else "")
        for row in rows[:MOST_ROWS]
    ]  # fmt: skip
    context = {
        "here": "cost",
        "tab": "spend",
        "lines": lines,
        "more": len(rows) - len(lines),
        "total": found.report.total,
        "first": rows[0] if rows else None,
        "hours": asked,
        "by": by,
        "called": BREAKDOWNS[by],
        "service": service,
        "ranges": RANGES.items(),
        "breakdowns": BREAKDOWNS.items(),
        "services": Service.objects.filter(organisation=request.organisation).values_list("slug", flat=True),
    }
    return render(request, "cost/spend.html", context)
