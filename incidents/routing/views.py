"""Routes: the document that counts, its versions, a new one, and where an alert would go."""

from __future__ import annotations

from typing import Any

from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_safe

from incidents.alerts.matchers import said
from incidents.routing import queries, services
from incidents.routing.services import RoutesUnusable
from observability.core.access import Request, viewed

EXAMPLE = """routes:
  - name: serving
    match: ['team="serving"']
    group_by: [service, region]
    group_wait: 30s
"""


@require_safe
@viewed
def routes(request: Request) -> HttpResponse:
    current = queries.current(organisation_id=request.organisation.pk)
    return _page(request, current.text if current is not None else EXAMPLE, labels=request.GET.get("labels", ""))


@require_http_methods(["POST"])
@viewed
def change(request: Request) -> HttpResponse:
    """Try the text with the labels given, or let it count."""
    text = request.POST.get("text", "").replace("\r\n", "\n")
    if "try" in request.POST:
        return _page(request, text, labels=request.POST.get("labels", ""))
    try:
        services.set_routes(organisation=request.organisation, text=text, actor=request.actor, now=request.moment)
    except RoutesUnusable as error:
        return _page(request, text, problems=error)
    return redirect("routes")


def _page(request: Request, text: str, *, labels: str = "", problems: RoutesUnusable | None = None) -> HttpResponse:
    context: dict[str, Any] = {
        "here": "routes",
        "text": text,
        "labels": labels,
        "current": queries.current(organisation_id=request.organisation.pk),
        "versions": queries.versions(organisation=request.organisation)[:10],
    }
    if labels.strip():
        given = dict(line.strip().partition("=")[::2] for line in labels.splitlines() if "=" in line)
        try:
            parsed = services.validated(organisation=request.organisation, text=text)
        except RoutesUnusable as error:
            problems = error
        else:
            taken, asked = services.tried(routes=parsed, labels={k: v.strip('"') for k, v in given.items()})
            context["taken"] = taken
            context["asked"] = [(one, said(one.route.matchers)) for one in asked]
    context["problems"] = problems.problems if problems is not None else ()
    return render(request, "alerts/routes.html", context, status=422 if problems is not None else 200)
