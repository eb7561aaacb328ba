"""The page on which a person asks for the week in a message."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods

from incidents.digests import queries, services
from incidents.paging.rules import queries as paging
from observability.core.access import Request, viewed


@viewed
@require_http_methods(["GET", "HEAD", "POST"])
def my_digest(request: Request) -> HttpResponse:
    given: dict[str, Any] = {"organisation": request.organisation, "user": request.user}
    if request.method == "POST":
        asked = {**given, "actor": request.actor, "now": request.moment}
        if request.POST.get("do") == "stop":
            services.unsubscribe(**asked)
            messages.success(request, "You get no weekly message any more.")
        else:
            services.subscribe(**asked)
            messages.success(request, "You get the week on Monday at eight.")
        return redirect("my_digest")
    mine = paging.mine(**given, now=request.moment)
    page = {"here": "dash", "digest": queries.digest_of(**given), "pagers": mine.pagers}
    return render(request, "digests/digest.html", page)
