"""Drills: choose or be surprised, take part, end it, see how it went."""

from __future__ import annotations

from datetime import timedelta

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.template.loader import render_to_string
from django.views.decorators.http import require_POST, require_safe

import incidents.screens.queries.drills as screens
from incidents.drills import queries, services
from incidents.drills.models import Drill
from observability.core import etag
from observability.core.access import Request, viewed
from observability.core.models import User
from observability.core.refusals import Refused


@require_safe
@viewed
def drills(request: Request) -> HttpResponse:
    page = {"here": "drills", "page": screens.overview(organisation=request.organisation)}
    return render(request, "drills/list.html", page)


@require_POST
@viewed
def start(request: Request) -> HttpResponse:
    minutes = request.POST.get("minutes", "")
    people = [pk for pk in request.POST.getlist("people") if pk.isascii() and pk.isdigit() and len(pk) < 19]
    try:
        made = services.start(
            organisation=request.organisation,
            people=list(User.objects.filter(pk__in=people).order_by("pk")),
            fault=request.POST.get("fault", ""),
            lasts=timedelta(
                minutes=int(minutes) if minutes.isascii() and minutes.isdigit() and len(minutes) < 5 else 0
            ),
            actor=request.actor,
            now=request.moment,
        )
    except Refused as reason:
        messages.error(request, str(reason))
        return redirect("drills")
    return redirect("drill", made.number)


@require_safe
@viewed
def drill(request: Request, number: int) -> HttpResponse:
    return render(request, "drills/page.html", _sheet(request, number))


@require_safe
@viewed
def live(request: Request, number: int) -> HttpResponse:
    return etag.unless_same(request, render_to_string("drills/_live.html", _sheet(request, number), request))


@require_POST
@viewed
def change(request: Request, number: int, verb: str) -> HttpResponse:
    changes = {"join": services.join, "end": services.end}
    if verb not in changes:
        raise Http404
    try:
        changes[verb](drill=_load(request, number), actor=request.actor, now=request.moment)
    except Refused as reason:
        messages.error(request, str(reason))
    return redirect("drill", number)


def _load(request: Request, number: int) -> Drill:
    found = queries.drill(organisation=request.organisation, number=number)
    if found is None:
        raise Http404(f"There is no drill {number} here.")
    return found


def _sheet(request: Request, number: int) -> dict[str, object]:
    sheet = screens.sheet(drill=_load(request, number), user=request.user, now=request.moment)
    return {"here": "drills", "sheet": sheet, "pager_messages": sheet.messages}
