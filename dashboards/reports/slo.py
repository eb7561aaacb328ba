"""SLOs: what did reliability cost, and which budgets hold? Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from dashboards.choice import Choice
from incidents.screens.queries.costs import Cost
from observability.core import words
from sloengine.overview.standing import Overview, Promise

Curve = tuple[tuple[datetime, float | None], ...]


@dataclass(frozen=True, slots=True)
class ObjectiveRow:
    """One objective: ratios 0..1, `left` below 0 when overspent; `burn_down` is (time, ratio left)."""

    service: str
    slug: str
    title: str
    target: Decimal
    attained: float | None
    left: float | None
    bad: float | None
    total: float | None
    kind: str
    word: str
    burn_down: Curve = ()

    @property
    def address(self) -> str:
        return f"/slos/{self.service}/{self.slug}/"


@dataclass(frozen=True, slots=True)
class SloReport:
    """`objectives` are the first of `overview.promises`, with all that is known of them."""

    choice: Choice
    services: tuple[str, ...]
    start: datetime
    end: datetime
    overview: Overview
    objectives: tuple[ObjectiveRow, ...]
    incidents: tuple[Cost, ...]


def headline(*, incidents: Sequence[Cost], when: str) -> str:
    """'Reliability cost 20,900 requests and $41 this month.'"""
    if not incidents:
        return f"Reliability cost nothing {when}."
    counted = [row.bad for row in incidents if row.bad is not None]
    spent = [row.usd for row in incidents if row.usd is not None]
    parts = ([f"{words.count(round(sum(counted)))} requests"] if counted else []) + (
        [words.usd(sum(spent, Decimal()))] if spent else []
    )
    if not parts:
        return f"{incidents_said(len(incidents))} {when}; what {'it' if len(incidents) == 1 else 'they'} cost was not counted."
    return f"Reliability cost {' and '.join(parts)} {when}."


def answer(*, overview: Overview, incidents: int) -> str:
    """Which budgets hold: '2 of 9 budgets are spent: chat TTFT and code availability. 3 incidents.'"""
    known = [row for row in overview.promises if row.left is not None]
    if not known:
        return (
            "No objective has data yet, so there is no budget to speak of: connect a source (manage.py connect), "
            "then apply objectives (manage.py slo apply)."
        )
    blind = len(overview.promises) - len(known)
    return " ".join(
        part
        for part in (
            budgets_said(known),
            f"{incidents_said(incidents)}." if incidents else "No incidents.",
            f"{blind} without data." if blind else "",
        )
        if part
    )


def budgets_said(known: Sequence[Promise]) -> str:
    """Of promises with data, the one with least left first: 'Every budget holds; least is left of chat, First token: 80 %.'"""
    spent = [f"{row.name} {row.title}" for row in known if (row.left or 0.0) <= 0]
    if spent:
        verb = "is" if len(spent) == 1 else "are"
        more = " and more" if len(spent) > 3 else ""
        return f"{words.count(len(spent))} of {words.count(len(known))} budgets {verb} spent: {words.listed(spent[:3])}{more}."
    return f"Every budget holds; least is left of {known[0].name}, {known[0].title}: {words.left(known[0].left)}."


def incidents_said(count: int) -> str:
    return f"{words.count(count)} incident{'' if count == 1 else 's'}"


def rows(report: SloReport) -> Iterable[Sequence[object]]:
    """Every objective of the choice, the first with what was counted."""
    yield "service", "objective", "target", "attained", "budget left", "bad", "total"
    counted = {(row.service, row.slug): row for row in report.objectives}
    for one in report.overview.promises:
        row = counted.get((one.service, one.slug))
        bad, total = (row.bad, row.total) if row is not None else (None, None)
        yield one.service, one.title, one.target, one.attained, one.left, bad, total
