"""/cost/: who spends how much on what; the prices and files that it is worked out from."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_POST, require_safe

from observability.core.access import Request, viewed
from observability.core.permissions import Verb, allowed
from sloengine import charts
from sloengine.catalog.models import Service
from sloengine.cost.ledger import services
from sloengine.cost.ledger.models import Invoice, Placement, UsageImport
from sloengine.cost.ledger.queries import overview, reconciled
from sloengine.cost.ledger.tables import BadTable, Problem, instant
from sloengine.cost.models import Price
from sloengine.cost.queries import currency_of

#: What a reader may break the spend down by, and how it is called.
BREAKDOWNS = {
    "tenant": "Tenant", "service": "Service", "team": "Team", "model": "Model", "variant": "Variant", "tag": "Tag",
    "region": "Region", "hardware": "Hardware", "day": "Day",
}  # fmt: skip
RANGES = {24: "24 hours", 168: "7 days", 720: "30 days", 2160: "90 days", 9600: "400 days"}
MOST_ROWS = 200
MOST_BYTES = 20_000_000


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
        "currency": currency_of(request.organisation),
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


@require_safe
@viewed
def books(request: Request) -> HttpResponse:
    mine = {"organisation": request.organisation}
    context = {
        "here": "cost",
        "tab": "books",
        "may": allowed(request.actor, Verb.MANAGE_PRICES, None),
        "prices": Price.objects.filter(**mine)
        .select_related("service")
        .order_by("unit", "service__slug", "effective_from"),
        "placements": Placement.objects.filter(**mine).select_related("service").order_by("service__slug", "pk"),
        "imports": UsageImport.objects.filter(**mine).order_by("-at", "-pk")[:MOST_ROWS],
        "invoices": Invoice.objects.filter(**mine).select_related("service").order_by("-since", "number")[:MOST_ROWS],
        "services": Service.objects.filter(**mine).values_list("slug", flat=True),
    }
    return render(request, "cost/books.html", context)


@require_POST
@viewed
def take(request: Request, kind: str) -> HttpResponse:
    """A file that somebody chose: a price list, usage, or an invoice."""
    given: dict[str, Any] = {"organisation": request.organisation, "actor": request.actor, "now": request.moment}
    try:
        name, text = _file(request)
        if kind == "prices":
            count = services.add_prices(text=text, source=name, **given)
            messages.success(request, f"{count} prices were taken over.")
        elif kind == "usage":
            service = request.POST.get("service", "") if name.endswith(".json") else ""
            taken = services.import_usage(name=name, text=text, service=service, **given)
            messages.success(request, f"{taken.rows} rows of usage were taken over.")
        elif kind == "invoice":
            found = services.add_invoice(text=text, **_period(request), **given)
            return redirect("cost_invoice", number=found.number)
        else:
            raise Http404(f"There are no files of kind {kind}.")
    except BadTable as error:
        messages.error(request, f"Nothing was taken over: {error}.")
    return redirect("cost_books")


@require_safe
@viewed
def invoice(request: Request, number: str) -> HttpResponse:
    rows = Invoice.objects.select_related("service", "organisation")
    row = get_object_or_404(rows, organisation=request.organisation, number=number)
    found = reconciled(invoice=row, now=request.moment)
    return render(request, "cost/invoice.html", {"here": "cost", "tab": "books", "invoice": row, "found": found})


def _file(request: Request) -> tuple[str, str]:
    file = request.FILES.get("file")
    if file is None or file.name is None or (file.size or 0) > MOST_BYTES:
        raise BadTable(
            [Problem(0, "file", "none, or one too large", f"a file of at most {MOST_BYTES // 1_000_000} MB")]
        )
    try:
        return file.name, file.read().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise BadTable([Problem(0, "file", str(error), "text in UTF-8")]) from error


def _period(request: Request) -> dict[str, Any]:
    given = request.POST
    try:
        since, until = instant(given.get("since", "")), instant(given.get("until", ""))
    except ValueError as error:
        raise BadTable(
            [Problem(0, "since, until", "no dates", "the invoice's first day, and the day after its last")]
        ) from error
    slug = given.get("service", "")
    service = get_object_or_404(Service, organisation=request.organisation, slug=slug) if slug else None
    return {"number": given.get("number", "").strip(), "since": since, "until": until, "service": service}
