"""Postmortems: the list, and one to read or print."""

from __future__ import annotations

from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST, require_safe

from incidents.learning import queries, services
from incidents.learning.models import Postmortem
from incidents.runbooks.rendering import render as to_html
from incidents.screens.queries import lists
from observability.core.access import Request, viewed


@require_safe
@viewed
def postmortems(request: Request) -> HttpResponse:
    listing = lists.postmortems(organisation=request.organisation, filters=lists.filters(request.GET.dict()))
    return render(request, "learning/list.html", {"here": "postmortems", "listing": listing})


@require_safe
@viewed
def postmortem(request: Request, number: int) -> HttpResponse:
    found = _load(request, number)
    context = {"here": "postmortems", "postmortem": found, "incident": found.incident, "html": to_html(found.markdown)}
    return render(request, "learning/page.html", context)


@require_POST
@viewed
def publish(request: Request, number: int) -> HttpResponse:
    services.publish_postmortem(postmortem=_load(request, number), actor=request.actor, now=request.moment)
    return redirect("postmortem", number)


def _load(request: Request, number: int) -> Postmortem:
    found = queries.postmortem(organisation=request.organisation, number=number)
    if found is None:
        raise Http404("There is no postmortem of this incident: it is drafted when the incident is resolved.")
    return found
