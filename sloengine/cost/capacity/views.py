"""Capacity: when do we run out, what does one more replica buy, and what every service will use in the quarter."""

from __future__ import annotations

from typing import Any

from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from observability.core.access import Request, viewed
from sloengine import charts
from sloengine.catalog.models import Service
from sloengine.cost.capacity import queries, telling
from sloengine.cost.capacity.headroom import TARGET, BadTarget, target_of
from sloengine.cost.forecast.queries import outlooks


@require_safe
@viewed
def capacity(request: Request) -> HttpResponse:
    target, problem = TARGET, ""
    try:
        target = target_of(request.GET.get("target", ""))
    except BadTarget as bad:
        problem = str(bad)
    found = outlooks(organisation=request.organisation, now=request.moment)
    named = request.GET.get("service", "")
    busiest = max(found, key=lambda one: one.tokens_a_day or 0.0, default=None)
    chosen = next((one for one in found if one.service == named), busiest)
    context: dict[str, Any] = {
        "here": "cost",
        "tab": "capacity",
        "problem": problem,
        "target": f"{100 * target:g}",
        "chosen": chosen,
        "rows": [
            (one, None if one.tokens_a_day is None else telling.short(one.tokens_a_day),
             telling.between(one.tokens), telling.between(one.requests))
            for one in found
        ],
    }  # fmt: skip
    if chosen is not None:
        row = Service.objects.select_related("organisation").get(organisation=request.organisation, slug=chosen.service)
        seen = queries.look(service=row, now=request.moment, target=target)
        one = seen.capacity
        limit = one.carried if one.known else None
        context |= {
            "one": one,
            "headline": telling.headline(one),
            "one_more": telling.one_more(one),
            "figures": [
                None if figure is None else telling.short(figure)
                for figure in (one.saturation.load if one.saturation else None, one.carried, one.peak)
            ],
            "pictures": [
                (
                    telling.picture(
                        seen.peaks, one.peaks, title="Busiest hour", unit="tokens/s", limit=limit, width=width
                    ),
                    telling.picture(
                        chosen.tokens_by_day, chosen.tokens, title="Tokens a day", unit="tokens", width=width
                    ),
                )
                for width in (charts.WIDE, charts.NARROW)
            ],
        }
    return render(request, "cost/capacity.html", context, status=422 if problem else 200)
