"""What if: one address, one answer. A form of method GET, so that a pasted link shows what the sender saw."""

from __future__ import annotations

from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from observability.core.access import Request, viewed
from sloengine.cost.contracts.standing import usd_said
from sloengine.cost.whatif import answer, picture, queries
from sloengine.cost.whatif.asked import GROUPS
from sloengine.cost.whatif.outcome import total
from sloengine.cost.whatif.plan import decimal

#: So many groups of inputs are open at first; others where something is typed in.
OPEN = 3
HERE = {"here": "cost", "tab": "what-if"}


@require_safe
@viewed
def what_if(request: Request) -> HttpResponse:
    seen = queries.look(organisation=request.organisation, service=request.GET.get("service", ""), now=request.moment)
    found = answer.answer(request.GET.dict(), measured=seen.now, curve=seen.curve, waste=seen.waste)
    groups = [
        (
            group.title,
            number < OPEN or any(found.text[one.name] for one in group.fields),
            [(one, found.text[one.name], found.shown.get(one.name, "")) for one in group.fields],
        )
        for number, group in enumerate(GROUPS)
    ]
    context = {
        **HERE,
        "seen": seen,
        "found": found,
        "headline": answer.headline(found),
        "groups": groups,
        "tier_names": [tier.name for tier in found.asked.now.tiers] if found.asked is not None else [],
        "plays": [(one, None if one.saved_usd is None else usd_said(decimal(one.saved_usd))) for one in found.plays],
    }
    if found.outcome is not None:
        outcome = found.outcome
        steps = [(one.what, None if one.usd is None else usd_said(decimal(one.usd))) for one in outcome.steps]
        whole = total(outcome.steps)
        context |= {
            "outcome": outcome,
            "steps": steps,
            "whole": None if whole is None else usd_said(decimal(whole)),
            "bars": picture.bars(outcome.before.usd_per_1k, outcome.after.usd_per_1k, unit="USD per 1,000 tokens"),
            "narrow_bars": picture.bars(outcome.before.usd_per_1k, outcome.after.usd_per_1k, unit="USD", width=400),
            "months": [
                None if one.usd is None else usd_said(decimal(one.usd)) for one in (outcome.before, outcome.after)
            ],
        }
    return render(request, "cost/what_if.html", context, status=422 if found.problem else 200)
