"""What-if over REST: the same inputs as the page's address."""

from __future__ import annotations

from typing import Any

from ninja import Router
from ninja.errors import HttpError

from observability.core.access import Request
from sloengine.cost.whatif import answer, queries
from sloengine.cost.whatif.asked import FIELDS

INPUTS = "; ".join(f"{one.name}: {one.expected}" for one in FIELDS.values())
router = Router(tags=["what-if"])


@router.get(
    "/cost/what-if",
    response=dict[str, Any],
    summary="What would change if: cost, latency, constraints, presets and the playbook",
    description="Inputs as in the address of the page /cost/what-if/; `service`: whose measured figures are taken. "
    + INPUTS,
)
def what_if(request: Request) -> dict[str, Any]:
    seen = queries.look(organisation=request.organisation, service=request.GET.get("service", ""), now=request.moment)
    found = answer.answer(request.GET.dict(), measured=seen.now, curve=seen.curve, waste=seen.waste)
    if found.problem:
        raise HttpError(422, found.problem)
    return {"service": seen.service, **answer.as_plain(found), "measured": list(seen.said)}
