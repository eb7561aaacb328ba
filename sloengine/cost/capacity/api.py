"""Forecast and capacity over REST."""

from __future__ import annotations

from typing import Any

from django.http import Http404
from ninja import Router
from ninja.errors import HttpError

from observability.core.access import Request
from sloengine.catalog.models import Service
from sloengine.cost.capacity import queries, telling
from sloengine.cost.capacity.headroom import BadTarget, target_of
from sloengine.cost.forecast.queries import outlooks

router = Router(tags=["capacity"])


@router.get(
    "/cost/forecast",
    response=list[dict[str, Any]],
    summary="Tokens and requests a day for a quarter by service, with their 90 % interval",
)
def forecast(request: Request, service: str = "") -> list[dict[str, Any]]:
    found = outlooks(organisation=request.organisation, now=request.moment, service=service)
    if service and not found:
        raise Http404(f"There is no service {service!r} here.")
    return [
        {
            "service": one.service,
            "last_day": one.last.isoformat(),
            "tokens": telling.plain_forecast(one.tokens),
            "requests": telling.plain_forecast(one.requests),
        }
        for one in found
    ]


@router.get(
    "/cost/capacity",
    response=dict[str, Any],
    summary="When a service runs out of replicas, and what one more buys",
    description="`target`: per cent of measured saturation that a peak may fill, 70 where left out.",
)
def capacity(request: Request, service: str, target: str = "") -> dict[str, Any]:
    row = Service.objects.filter(organisation=request.organisation, slug=service).select_related("organisation").first()
    if row is None:
        raise Http404(f"There is no service {service!r} here.")
    try:
        wanted = target_of(target)
    except BadTarget as problem:
        raise HttpError(422, str(problem)) from problem
    return telling.plain(queries.look(service=row, now=request.moment, target=wanted).capacity)
