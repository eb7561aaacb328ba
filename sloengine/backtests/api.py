"""Back-tests over REST: an objective over recorded rollups or what a Prometheus tells, as `slo backtest --json` prints it."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any

from ninja import Field, Query, Router, Schema
from ninja.errors import HttpError

from observability.core.access import Request
from sloengine.backtests import page, queries
from sloengine.backtests.whatif import as_json
from sloengine.objectives.api import load
from sloengine.sources.base import SourceUnavailable

router = Router(tags=["objectives"])


class AlertOut(Schema):
    tier: str
    severity: str
    since: datetime
    cleared_at: datetime | None
    impact_start: datetime
    burn_rate_long: float | None
    burn_rate_short: float | None
    bad: float
    total: float


class CurveOut(Schema):
    at: datetime
    remaining_ratio: float | None
    burn_rate: float | None = Field(description="since the point before")


class OutcomeOut(Schema):
    service: str
    objective: str
    goal: str
    target: Decimal
    window_seconds: float
    start: datetime = Field(alias="from")
    end: datetime = Field(alias="to")
    alerts: list[AlertOut]
    state: str
    bad: float
    total: float
    attained_ratio: float | None
    spent_ratio: float | None
    partial: bool
    notices: list[str]
    curve: list[CurveOut]


class BacktestOut(OutcomeOut):
    alternatives: list[OutcomeOut]


class Asked(Schema):
    days: str = Field("30", max_length=4, description="how far back, 1 to 90")
    targets: str = Field("", max_length=200, description="others to try: 0.99,99.9%")
    source: str = Field(
        "recorded",
        max_length=200,
        description="recorded rollups, or names of Prometheus sources; 30 days at most of these",
    )
    windows: str = Field("", max_length=200, description="others to try: 7d,4w")


@router.get(
    "/objectives/{path:service}/{slug:slug}/backtest",
    response=BacktestOut,
    by_alias=True,
    summary="Each alert that would have fired, and the same for other targets and windows",
)
def backtest(request: Request, service: str, slug: str, given: Query[Asked]) -> dict[str, Any]:
    objective = load(request, service, slug)
    asked = page.asked(given.dict(), promise=objective.promise)
    if asked.problem:
        raise HttpError(422, asked.problem)
    try:
        return as_json(queries.tested(objective=objective, asked=asked, now=request.moment))
    except SourceUnavailable as problem:
        raise HttpError(422, f"Nothing was replayed: {problem.reason}.") from problem
