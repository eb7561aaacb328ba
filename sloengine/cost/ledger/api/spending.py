"""Cost over REST: what was spent by any keys."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from ninja import Field, Query, Router, Schema
from ninja.errors import HttpError

from observability.core.access import Request
from sloengine.cost.ledger.queries import overview
from sloengine.cost.ledger.reporting import plain

router = Router(tags=["cost"])


class UnitOut(Schema):
    """What one of each costs, as exact text; null where it is not known."""

    per_request: str | None
    per_success: str | None
    per_1k: str | None
    per_1m: str | None


class SpendOut(Schema):
    key: dict[str, str]
    requests: int
    answers: int
    tokens: dict[str, int]
    tokens_per_second: float
    usd: str | None = Field(description="tokens at the price list; null as soon as a part has no price")
    known_usd: str
    unknown_tokens: int
    hardware_usd: str | None
    idle_usd: str | None
    at_list: UnitOut
    by_hardware: UnitOut


class ReportOut(Schema):
    since: datetime
    until: datetime
    rows: list[SpendOut]
    total: SpendOut


class Asked(Schema):
    hours: int = 24
    by: str = Field("service,tenant", max_length=200, description="service, tenant, tag, variant, hardware, day, ...")
    service: str = ""


@router.get("/cost/spend", response=ReportOut, summary="Requests, tokens and money by any keys")
def spent(request: Request, asked: Query[Asked]) -> dict[str, Any]:
    by = tuple(word.strip() for word in asked.by.split(",") if word.strip())
    try:
        found = overview(
            organisation=request.organisation, hours=asked.hours, by=by, now=request.moment, service=asked.service
        )
    except ValueError as error:
        raise HttpError(422, str(error)) from error
    return {
        "since": found.since,
        "until": found.until,
        "rows": [plain(by, row) for row in found.report.rows],
        "total": plain((), found.report.total),
    }
