"""The button "Replay now" of an incident."""

from __future__ import annotations

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_POST

from incidents.diagnosis import services
from incidents.response import queries as response
from observability.core.access import Request, viewed
from observability.core.refusals import Refused


@require_POST
@viewed
def request_replay(request: Request, number: int) -> HttpResponse:
    incident = response.incident(organisation=request.organisation, number=number)
    if incident is None:
        raise Http404
    try:
        services.ask_replay(incident=incident, actor=request.actor, now=request.moment)
    except Refused as reason:
        messages.error(request, str(reason))
    return redirect("incident", number)
