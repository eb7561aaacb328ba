"""Reports over REST: every budget of a period, as `slo report --json` prints it."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any

from ninja import Field, Query, Router, Schema
from ninja.errors import HttpError

from observability.core.access import Request
from sloengine.reports import period as periods
from sloengine.reports import queries

router = Router(tags=["reports"])


class EpisodeOut(Schema):
    tier: str
    severity: str
    since: datetime
    cleared_at: datetime | None
    bad: float | None
    unit: str
    summary: str


class ExcludedOut(Schema):
    scope: str
    since: datetime
    seconds: float
    reason: str
    by: str


class AdjustedOut(Schema):
    at: datetime
    ratio: Decimal
    reason: str
    by: str


class ReportRow(Schema):
    service: str
    objective: str
    goal: str
    state: str
    target: Decimal
    attained_ratio: float | None
    attained_all_ratio: float | None = Field(description="with excluded time counted like any other")
    excluded_seconds: float
    spent_ratio: float | None = Field(description="after adjustments")
    remaining_ratio: float | None
    adjusted_ratio: float
    burn_rate: float | None
    bad: float
    total: float
    unit: str
    alerts: int
    partial: bool
    notice: str
    sloth_compat_ratio: float | None
    exclusions: list[ExcludedOut]
    adjustments: list[AdjustedOut]
    worst: list[EpisodeOut]


class ReportOut(Schema):
    period: str
    start: datetime = Field(alias="from")
    end: datetime = Field(alias="to")
    objectives: list[ReportRow]


class Asked(Schema):
    period: str = Field("30d", max_length=20, description="30d, 2026-11, 2026-Q4 or 2026")
    zone: str = Field("UTC", max_length=64, description="whose months and quarters they are")
    service: str = ""
    sloth_compat: bool = False


@router.get("/reports", response=ReportOut, by_alias=True, summary="Every budget of a period, and who decided what")
def report(request: Request, asked: Query[Asked]) -> dict[str, Any]:
    try:
        period = periods.parse(asked.period, now=request.moment, zone=asked.zone)
    except ValueError as error:
        raise HttpError(422, str(error)) from error
    rows = queries.report(
        organisation=request.organisation,
        period=period,
        now=request.moment,
        compat=asked.sloth_compat,
        service=asked.service,
    )
    return periods.as_json(rows, period)
