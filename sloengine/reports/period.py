"""A period by its name, and a report's rows in every format. Pure."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np

from observability.core import words
from sloengine.backtests.track import Judged

FIVE_MINUTES = 300
#: Between two totals that are the same nothing happened, whatever the last bits say.
NOTHING = 1e-6


@dataclass(frozen=True, slots=True)
class Period:
    name: str
    start: datetime
    end: datetime

    @property
    def span(self) -> timedelta:
        return self.end - self.start


@dataclass(frozen=True, slots=True)
class Episode:
    """A finding of the period: the worst are shown."""

    tier: str
    severity: str
    since: datetime
    cleared_at: datetime | None
    bad: float | None
    unit: str
    summary: str


@dataclass(frozen=True, slots=True)
class Excluded:
    """Time that does not count: how much of the period, why, and who said so. `scope` is what it holds for."""

    scope: str
    since: datetime
    seconds: float
    reason: str
    by: str


@dataclass(frozen=True, slots=True)
class Adjusted:
    """A share of the budget that was given back (above 0) or taken, why, and by whom."""

    at: datetime
    ratio: Decimal
    reason: str
    by: str


@dataclass(frozen=True, slots=True)
class Row:
    """One objective over the period. Ratios are 0..1, None where nothing is known; `compat_ratio` is Sloth's period ratio.

    `attained_all_ratio` is what was attained with excluded time counted like any other. `spent_ratio` is after adjustments.
    """

    service: str
    objective: str
    goal: str
    state: str
    target: Decimal
    attained_ratio: float | None
    spent_ratio: float | None
    bad: float
    total: float
    unit: str
    burn_rate: float | None
    alerts: int
    worst: tuple[Episode, ...]
    partial: bool
    notice: str
    attained_all_ratio: float | None
    excluded_seconds: float = 0.0
    exclusions: tuple[Excluded, ...] = ()
    adjustments: tuple[Adjusted, ...] = ()
    compat_ratio: float | None = None

    @property
    def adjusted_ratio(self) -> float:
        return float(sum(one.ratio for one in self.adjustments))


def parse(text: str, *, now: datetime, zone: str = "UTC") -> Period:
    """ "30d" up to now; "2026-11" a month, "2026-Q4" a quarter and "2026" a year of a zone, up to now where it has not ended.
    Raises ValueError."""
    try:
        local = ZoneInfo(zone)
    except (KeyError, ValueError, OSError):
        raise ValueError(f"found the zone {zone!r}, expected a name such as Europe/Berlin") from None
    if found := re.fullmatch(r"([1-9]\d{0,2})d", text):
        days = int(found[1])
        return Period(f"{days} days", now - timedelta(days=days), now)
    known: list[tuple[str, Callable[[re.Match[str]], tuple[int, int, int]]]] = [
        (r"([12]\d{3})-(0[1-9]|1[0-2])", lambda one: (int(one[1]), int(one[2]), 1)),
        (r"([12]\d{3})-Q([1-4])", lambda one: (int(one[1]), int(one[2]) * 3 - 2, 3)),
        (r"([12]\d{3})", lambda one: (int(one[1]), 1, 12)),
    ]
    for pattern, meaning in known:
        if found := re.fullmatch(pattern, text):
            year, month, months = meaning(found)
            last = year * 12 + month - 1 + months
            start = datetime(year, month, 1, tzinfo=local).astimezone(UTC)
            end = datetime(last // 12, last % 12 + 1, 1, tzinfo=local).astimezone(UTC)
            if start >= now:
                raise ValueError(f"found period {text!r}, which has not begun")
            return Period(text, start, min(end, now))
    raise ValueError(
        f"found period {text!r}, expected days such as 30d, a month 2026-11, a quarter 2026-Q4 or a year 2026"
    )


def mean_of_ratios(counted: Judged, *, start: datetime, end: datetime) -> float | None:
    """Sloth's period ratio: the mean of 5-minute good ratios, each counting the same whatever its traffic. Steps without traffic
    are left out, where Sloth's NaN would poison the whole. 1 bad of 2 at night and 0 of 998 by day are 0.75, not 0.999.

    Where history is kept by the hour, each of the hour's twelve steps has the hour's ratio: old hours weigh as much as new ones.
    """
    edges = np.arange(start.timestamp(), end.timestamp() + 1, FIVE_MINUTES)
    if len(counted.at) < 2 or len(edges) < 2:
        return None
    total = np.diff(np.interp(edges, counted.at, counted.total))
    good = np.diff(np.interp(edges, counted.at, counted.good))
    there = total > NOTHING
    return float(np.mean(np.clip(good[there] / total[there], 0.0, 1.0))) if there.any() else None


def as_json(rows: Sequence[Row], period: Period) -> dict[str, Any]:
    return {
        "period": period.name,
        "from": period.start.isoformat(),
        "to": period.end.isoformat(),
        "objectives": [
            {
                "service": row.service,
                "objective": row.objective,
                "goal": row.goal,
                "state": row.state,
                "target": str(row.target),
                "attained_ratio": row.attained_ratio,
                "attained_all_ratio": row.attained_all_ratio,
                "excluded_seconds": row.excluded_seconds,
                "adjusted_ratio": row.adjusted_ratio,
                "spent_ratio": row.spent_ratio,
                "remaining_ratio": None if row.spent_ratio is None else 1 - row.spent_ratio,
                "burn_rate": row.burn_rate,
                "bad": row.bad,
                "total": row.total,
                "unit": row.unit,
                "alerts": row.alerts,
                "partial": row.partial,
                "notice": row.notice,
                "sloth_compat_ratio": row.compat_ratio,
                "exclusions": [
                    {
                        "scope": one.scope,
                        "since": one.since.isoformat(),
                        "seconds": one.seconds,
                        "reason": one.reason,
                        "by": one.by,
                    }
                    for one in row.exclusions
                ],
                "adjustments": [
                    {"at": one.at.isoformat(), "ratio": str(one.ratio), "reason": one.reason, "by": one.by}
                    for one in row.adjustments
                ],
                "worst": [
                    {
                        "tier": one.tier,
                        "severity": one.severity,
                        "since": one.since.isoformat(),
                        "cleared_at": one.cleared_at.isoformat() if one.cleared_at else None,
                        "bad": one.bad,
                        "unit": one.unit,
                        "summary": one.summary,
                    }
                    for one in row.worst
                ],
            }
            for row in rows
        ],
    }


HEAD = (
    "service", "objective", "state", "target", "attained", "with excluded time", "budget spent", "burn", "bad", "of",
    "alerts", "note",
)  # fmt: skip


def cells(row: Row) -> tuple[str, ...]:
    note = " ".join(
        filter(
            None,
            [
                "Data for a part of the period only." if row.partial else "",
                f"{words.duration(row.excluded_seconds)} left out." if row.excluded_seconds else "",
                f"{row.adjusted_ratio * 100:+g} % of the budget by adjustment." if row.adjustments else "",
                row.notice,
            ],
        )
    )
    if row.compat_ratio is not None:
        note = f"Mean of 5-minute ratios: {percent(row.compat_ratio)}. {note}".strip()
    return (
        row.service,
        row.objective,
        row.state,
        percent(float(row.target)),
        percent(row.attained_ratio),
        percent(row.attained_all_ratio) if row.excluded_seconds else "-",
        percent(row.spent_ratio, 1),
        "-" if row.burn_rate is None else f"{row.burn_rate:.2f} x",
        f"{row.bad:,.0f}",
        f"{row.total:,.0f} {row.unit}",
        str(row.alerts),
        note,
    )


def as_markdown(rows: Sequence[Row], period: Period) -> str:
    lines = [
        f"# Service levels, {period.name}",
        "",
        f"{period.start:%Y-%m-%d %H:%M} to {period.end:%Y-%m-%d %H:%M} UTC.",
        "",
        "| " + " | ".join(HEAD) + " |",
        "|" + "---|" * len(HEAD),
        *("| " + " | ".join(" ".join(cell.split()).replace("|", r"\|") for cell in cells(row)) + " |" for row in rows),
    ]
    worst = [(row, one) for row in rows for one in row.worst]
    if worst:
        lines += ["", "## Worst episodes", ""]
        lines += [f"- {said(row, one)}" for row, one in sorted(worst, key=lambda each: -(each[1].bad or 0))]
    if decided := decisions(rows):
        lines += ["", "## Exclusions and adjustments", "", *(f"- {line}" for line in decided)]
    return "\n".join(lines) + "\n"


def decisions(rows: Sequence[Row]) -> list[str]:
    """What was left out and what was adjusted, once each: "2026-11-17 10:05, 60 min of chat left out: load test (user:ann)"."""
    found = {
        (one.since, f"{one.since:%Y-%m-%d %H:%M}, {words.duration(one.seconds)} of {one.scope} left out: {one.reason} ({one.by})")
        for row in rows
        for one in row.exclusions
    } | {
        (one.at, f"{one.at:%Y-%m-%d %H:%M}, {float(one.ratio) * 100:+g} % of the budget of {row.service}/{row.objective}:"
         f" {one.reason} ({one.by})")
        for row in rows
        for one in row.adjustments
    }  # fmt: skip
    return [" ".join(line.split()) for _, line in sorted(found)]


def said(row: Row, one: Episode) -> str:
    """chat/availability, 2026-11-17 10:05, 25 min, 340 requests bad: chat is burning ..."""
    lasted = (
        "still firing" if one.cleared_at is None else f"{(one.cleared_at - one.since).total_seconds() / 60:.0f} min"
    )
    bad = "" if one.bad is None else f", {one.bad:,.0f} {one.unit} bad"
    return f"{row.service}/{row.objective}, {one.since:%Y-%m-%d %H:%M}, {lasted}{bad}: {one.summary} ({one.severity})"


def as_csv(rows: Sequence[Row]) -> str:
    """Plain numbers, for a spreadsheet: ratios with all their digits."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(
        ["service", "objective", "state", "target", "attained_ratio", "spent_ratio", "burn_rate", "bad", "total", "unit",
         "alerts", "partial", "sloth_compat_ratio", "notice", "attained_all_ratio", "excluded_seconds", "excluded_by",
         "adjusted_ratio", "adjusted_by"]
    )  # fmt: skip
    for row in rows:
        values = (row.attained_ratio, row.spent_ratio, row.burn_rate, row.bad, row.total)
        writer.writerow(
            [row.service, row.objective, row.state, row.target, *("" if value is None else repr(value) for value in values),
             row.unit, row.alerts, row.partial, "" if row.compat_ratio is None else repr(row.compat_ratio), row.notice,
             "" if row.attained_all_ratio is None else repr(row.attained_all_ratio), repr(row.excluded_seconds),
             ", ".join(sorted({one.by for one in row.exclusions})), repr(row.adjusted_ratio),
             ", ".join(sorted({one.by for one in row.adjustments}))]
        )  # fmt: skip
    return text.getvalue()


def percent(ratio: float | None, digits: int = 3) -> str:
    """0.995 is "99.5 %"; None is "-"."""
    return "-" if ratio is None else f"{ratio * 100:.{digits}f}".rstrip("0").rstrip(".") + " %"
