"""The button that breaks something, and the phone that rings."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.template.loader import render_to_string
from django.views.decorators.http import require_POST, require_safe

from incidents.demo import queries, services
from observability.core import etag
from observability.core.access import Request, viewed


@require_safe
@viewed
def pager(request: Request) -> HttpResponse:
    return render(
        request, "demo/pager.html", {"here": "demo", "pager_messages": queries.phone(organisation=request.organisation)}
    )


@require_safe
@viewed
def pager_live(request: Request) -> HttpResponse:
    text = render_to_string(
        "demo/_pager.html", {"pager_messages": queries.phone(organisation=request.organisation)}, request
    )
    return etag.unless_same(request, text)


@require_POST
@viewed
def break_something(request: Request) -> HttpResponse:
    try:
        services.break_something(
            organisation=request.organisation,
            actor=request.actor,
            now=request.moment,
            fault=request.POST.get("fault") or None,
        )
    except services.NothingBroke as reason:
        messages.error(request, str(reason))
    else:
        messages.success(request, "Something is broken now. Watch: the burn alerts need a minute or two to be sure.")
    return redirect("now")
