"""Keep the list as it is narrowed, or let a kept one go. Parse, load, one call, answer."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.views.decorators.http import require_POST

from incidents.savedfilters import queries, services
from observability.core.access import Request, viewed
from observability.core.refusals import Refused


@require_POST
@viewed
def save(request: Request) -> HttpResponse:
    try:
        kept = services.save(
            organisation=request.organisation,
            user=request.user,
            name=request.POST.get("name", ""),
            given=request.POST.dict(),
            shared=request.POST.get("shared") == "1",
            actor=request.actor,
            now=request.moment,
        )
    except Refused as reason:
        messages.error(request, str(reason))
        return redirect("incidents")
    messages.success(request, f"{kept.name} is kept{' for everyone here' if kept.shared else ''}.")
    return HttpResponseRedirect(f"{reverse('incidents')}?{kept.query}")


@require_POST
@viewed
def remove(request: Request, pk: int) -> HttpResponse:
    found = queries.filters_of(organisation=request.organisation, user=request.user)
    services.remove(kept=get_object_or_404(found, pk=pk), actor=request.actor, now=request.moment)
    return redirect("incidents")
