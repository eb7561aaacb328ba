"""The SLO pages as values, and the sentences on top. Pure. None is "no data", never 0."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from observability.core import words
from sloengine.collect.totals import State

KINDS = {
    "ok": "ok",
    "warning": "warn",
    "burning": "burn",
    "exhausted": "burn",
    "zero traffic": "muted",
    "no data": "nodata",
}
WORDS = {"ok": "in budget", "warning": "half spent", "burning": "burning", "exhausted": "spent"}


@dataclass(frozen=True, slots=True)
class SloRow:
    """One objective with its budget: ratios 0..1, `left` below 0 when overspent, `lasts` in seconds at the present rate."""

    service: str
    slug: str
    title: str
    goal: str
    target: Decimal
    window: str
    state: str
    attained: float | None
    left: float | None
    bad: float | None
    total: float | None
    allowed: float | None
    lasts: float | None
    partial: bool
    notice: str
    unit: str

    @property
    def kind(self) -> str:
        return KINDS.get(self.state, "muted")

    @property
    def word(self) -> str:
        return WORDS.get(self.state, self.state)


@dataclass(frozen=True, slots=True)
class WindowRow:
    """One tier of burn-rate windows and what it says."""

    tier: str
    severity: str
    long_seconds: int
    short_seconds: int
    threshold: float
    burn_long: float | None
    burn_short: float | None
    reason: str

    @property
    def kind(self) -> str:
        return {"burning": "burn", "within budget": "ok", "no data": "nodata"}.get(self.reason, "muted")

    @property
    def long_said(self) -> str:
        return _rate(self.burn_long)

    @property
    def short_said(self) -> str:
        return _rate(self.burn_short)

    @property
    def threshold_said(self) -> str:
        return _rate(self.threshold)


@dataclass(frozen=True, slots=True)
class SloPage:
    """One objective: its budget, burn-down, windows, definition and history."""

    row: SloRow
    headline: str
    rest: str
    indicator: str
    method: str
    threshold: str
    where: tuple[tuple[str, str], ...]
    description: str
    judged_at: datetime | None
    last_reading: str
    warnings: tuple[str, ...]  # why its queries had no answer at the last tick
    chart: str
    windows: tuple[WindowRow, ...]
    changes: tuple[tuple[Any, tuple[str, ...]], ...]
    exclusions: tuple[Any, ...] = ()
    adjustments: tuple[Any, ...] = ()
    standing: Any = None
    window_said: str = "rolling"
    tags: tuple[str, ...] = ()
    #: Of an objective of answer quality: whether a rise of latency precedes its falls.
    leading: str = ""


#: What the last reading says of its counters; of one that is as it should be nothing is said.
LAST_READING = {
    State.PARTIAL: "The source says that something is missing in its last reading.",
    State.ZERO_TRAFFIC: "No traffic since the reading before the last.",
    State.NO_DATA: "The last reading holds nothing of it.",
}


def _rate(value: float | None) -> str:
    return words.NOTHING if value is None else f"{value:.3g}x"


def span(seconds: float) -> str:
    """2592000 -> '30 days'."""
    days = seconds / 86400
    return f"{days:g} day{'' if days == 1 else 's'}" if days >= 1 else words.duration(seconds)


def worst_first(row: SloRow) -> tuple[int, float, str, str]:
    """The order of the table: burning, spent, half spent, then the rest; within each least left first, no data last."""
    order = ("burning", "exhausted", "warning")
    rank = order.index(row.state) if row.state in order else len(order)
    return rank, math.inf if row.left is None else float(row.left), row.service, row.slug


def table_headline(rows: Sequence[SloRow]) -> str:
    """'2 of 9 objectives are burning.'"""
    if not rows:
        return "No SLOs yet"
    burning = [row for row in rows if row.state == "burning"]
    spent = [row for row in rows if row.state == "exhausted"]
    blind = [row for row in rows if row.left is None]
    if burning:
        return f"{len(burning)} of {len(rows)} objectives {'is' if len(burning) == 1 else 'are'} burning."
    if spent:
        return f"{len(spent)} of {len(rows)} budgets {'is' if len(spent) == 1 else 'are'} spent."
    if len(blind) == len(rows):
        return f"{len(rows)} objectives, and no data to judge them yet."
    return f"All {len(rows) - len(blind)} judged objectives are within budget."


def table_rest(rows: Sequence[SloRow]) -> str:
    known = [row for row in rows if row.left is not None]
    blind = len(rows) - len(known)
    if not known:
        return "Objectives are judged once readings arrive." if rows else ""
    least = min(known, key=lambda row: row.left or 0.0)
    said = f"Least is left of {least.service}, {least.title}: {words.left(least.left)} of {least.window}."
    return said + (f" {blind} cannot be judged for want of data." if blind else "")


def page_headline(row: SloRow, windows: Sequence[WindowRow]) -> str:
    """'chat, Time to first token: burning 20.1 times too fast.'"""
    name = f"{row.service}, {row.title}"
    # By the long window of the fastest tier: the number that its incident is called by.
    burning = [window.burn_long for window in windows if window.reason == "burning" and window.burn_long is not None]
    if row.left is None:
        return f"{name}: no data to judge it."
    if burning:
        return f"{name}: burning {words.factor(burning[0])} times too fast."
    if row.left <= 0:
        return f"{name}: the budget is {words.left(row.left)}."
    return f"{name}: {words.percent(row.left)} of the budget is left."


def page_rest(row: SloRow) -> str:
    if row.left is not None and row.lasts is not None and row.left > 0:
        return f"At this rate the budget lasts {words.duration(row.lasts)}."
    return "There is data for a part of the window only." if row.partial and row.left is not None else ""
