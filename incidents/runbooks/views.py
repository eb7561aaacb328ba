"""Runbooks: the list, and one to read."""

from __future__ import annotations

from django.http import Http404, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

import incidents.screens.queries.runbooks as queries
from observability.core.access import Request, viewed


@require_safe
@viewed
def runbooks(request: Request) -> HttpResponse:
    return render(request, "runbooks/list.html", {"here": "runbooks", "runbooks": queries.shelf()})


@require_safe
@viewed
def runbook(request: Request, slug: str) -> HttpResponse:
    found = queries.readable(slug=slug)
    if found is None:
        raise Http404("There is no runbook of this name.")
    used = queries.used_in(organisation=request.organisation, runbook=slug)
    return render(request, "runbooks/page.html", {"here": "runbooks", "runbook": found, "incidents": used})
