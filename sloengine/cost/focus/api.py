"""FOCUS 1.2 over REST: the rows of a time as JSON, decimals as exact text."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any

from ninja import Query, Router, Schema
from ninja.errors import HttpError

from observability.core.access import Request
from sloengine.cost.focus.dataset import Basis
from sloengine.cost.focus.queries import export
from sloengine.cost.ledger.stretches import DAY

router = Router(tags=["cost"])
MOST_DAYS = 31


class Asked(Schema):
    since: datetime
    until: datetime
    basis: Basis = Basis.TOKENS


class FocusOut(Schema):
    rows: list[dict[str, str | datetime | None]]
    left_out: int


@router.get(
    "/cost/focus", response=FocusOut, summary="Spend as rows of FOCUS 1.2; what has no price is left out and counted"
)
def focus(request: Request, asked: Query[Asked]) -> dict[str, Any]:
    if asked.since.tzinfo is None or asked.until.tzinfo is None:
        raise HttpError(422, "since, until: found a time without an offset, expected one such as 2026-11-01T00:00:00Z")
    if not asked.since < asked.until <= asked.since + MOST_DAYS * DAY:
        raise HttpError(422, f"until: found {asked.until:%Y-%m-%d}, expected at most {MOST_DAYS} days after since")
    found = export(
        organisation=request.organisation, since=asked.since, until=asked.until, basis=asked.basis, now=request.moment
    )
    rows = [
        {name: format(value, "f") if isinstance(value, Decimal) else value for name, value in row.items()}
        for row in found.rows
    ]
    return {"rows": rows, "left_out": found.left_out}
