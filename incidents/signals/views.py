"""Every signal of a service now, or of one part of it; without a service the vocabulary."""

from __future__ import annotations

from typing import Any

from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from incidents.diagnosis.signals import SIGNALS, UNITS
from incidents.signals import queries
from observability.core.access import Request, viewed
from sloengine.catalog.models import Service


@require_safe
@viewed
def signals(request: Request) -> HttpResponse:
    services = list(Service.objects.filter(organisation=request.organisation))
    slug = request.GET.get("service", "")
    service = next((one for one in services if one.slug == slug), None)
    scope = {name: request.GET[name][:200] for name in queries.LABELS if request.GET.get(name)}
    context: dict[str, Any] = {
        "here": "signals",
        "services": services,
        "service": service,
        "scope": scope,
        "vocabulary": [] if service else [(one, ", ".join(UNITS[one.unit])) for one in SIGNALS.values()],
    }
    if service is None:
        context["standings"] = queries.standings(services=services, now=request.moment)
    else:
        told = queries.ask(service=service, now=request.moment, scope=scope)
        context["told"] = [one for one in told if one.value is not None]
        context["untold"] = [one for one in told if one.value is None]
        context["parts"] = [
            (name, found, scope.get(name, ""))
            for name, found in queries.parts(service=service, now=request.moment).items()
            if found
        ]
    return render(request, "signals/signals.html", context)
