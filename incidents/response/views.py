"""Now, the incident list, one incident and what is done to it, pages. Parse, load, one call, answer."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.db.models import prefetch_related_objects
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.template.loader import render_to_string
from django.views.decorators.http import require_POST, require_safe

from incidents.command import queries as command_queries
from incidents.demo.faults import TITLES
from incidents.response import queries, services
from incidents.response.models import Incident
from incidents.savedfilters import queries as saved_filters
from incidents.screens.queries import actions, lists
from incidents.screens.queries import incident as incident_queries
from incidents.screens.queries import now as now_queries
from incidents.silences import queries as silences
from observability.core import etag
from observability.core.access import Request, viewed
from sloengine.rollups import queries as rollups

PARTS = {name: f"response/_{name}.html" for name in ("top", "why", "runbook", "evidence", "side")}
LONGEST_NOTE = 4000


@require_safe
@viewed
def now(request: Request) -> HttpResponse:
    return render(request, "response/now.html", {**_now(request), "breakable": sorted(TITLES.items())})


@require_safe
@viewed
def now_live(request: Request) -> HttpResponse:
    return etag.unless_same(request, render_to_string("response/_now_live.html", _now(request), request))


@require_safe
@viewed
def incidents(request: Request) -> HttpResponse:
    filters = lists.filters(request.GET.dict())
    listing = lists.incidents(organisation=request.organisation, filters=filters)
    page = {
        "here": "incidents",
        "filters": filters,
        "listing": listing,
        "kept": saved_filters.filters_of(organisation=request.organisation, user=request.user),
        "shown": filters.address(1),
    }
    return render(request, "response/incidents.html", page)


@require_safe
@viewed
def incident(request: Request, number: int) -> HttpResponse:
    return render(request, "response/incident.html", _sheet(request, number))


@require_safe
@viewed
def incident_part(request: Request, number: int, part: str) -> HttpResponse:
    if part not in PARTS:
        raise Http404
    return etag.unless_same(request, render_to_string(PARTS[part], _sheet(request, number, part), request))


@require_POST
@viewed
def act(request: Request, number: int, verb: str) -> HttpResponse:
    if verb not in services.MOVES:
        raise Http404
    found = _load(request, number)
    try:
        services.MOVES[verb](incident=found, actor=request.actor, now=request.moment)
    except services.MoveRefused as reason:
        messages.error(request, str(reason))
    if request.headers.get("HX-Request") and request.POST.get("back") == "now":
        return HttpResponse(render_to_string("response/_now_live.html", _now(request), request))
    return redirect("now") if request.POST.get("back") == "now" else redirect("incident", number)


@require_POST
@viewed
def note(request: Request, number: int) -> HttpResponse:
    text = request.POST.get("text", "").strip()
    if 0 < len(text) <= LONGEST_NOTE:
        services.add_note(incident=_load(request, number), actor=request.actor, now=request.moment, text=text)
    else:
        messages.error(request, f"A note needs 1 to {LONGEST_NOTE} characters; this one has {len(text)}.")
    return redirect("incident", number)


@require_safe
@viewed
def pages(request: Request) -> HttpResponse:
    failed_only = request.GET.get("state") == "failed"
    filters = lists.filters(request.GET.dict())
    listing = lists.pages(organisation=request.organisation, filters=filters, failed_only=failed_only)
    return render(request, "response/pages.html", {"here": "pages", "listing": listing, "failed_only": failed_only})


def _load(request: Request, number: int) -> Incident:
    found = queries.incident(organisation=request.organisation, number=number)
    if found is None:
        raise Http404
    return found


def _now(request: Request) -> dict[str, Any]:
    return {
        "here": "now",
        "board": now_queries.board(organisation=request.organisation, now=request.moment),
        "notices": silences.notices(organisation=request.organisation, now=request.moment)[:10],
    }


def _sheet(request: Request, number: int, part: str = "") -> dict[str, Any]:
    found = _load(request, number)
    # Several parts of the page ask its alerts, and several windows end now: each is read once.
    prefetch_related_objects([found], "alerts")
    with rollups.snapshot():
        sheet = incident_queries.load(incident=found, actor=request.actor, now=request.moment, part=part)
        command = command_queries.load(incident=found, actor=request.actor, part=part)
        page: dict[str, Any] = {"here": "incidents", "sheet": sheet, "command": command}
        if not part:
            panel = actions.panel(incident=found, actor=request.actor, now=request.moment)
            page |= {"incident": found, "panel": panel, "actions": panel.switch}
    return page
