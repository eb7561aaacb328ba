"""The answers in words, drawn from the same values as the pictures. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from dashboards.report import ObjectiveRow
from incidents.screens.queries.costs import Cost
from observability.core import words

RANGES = {"7d": "in the last 7 days", "30d": "this month", "90d": "in the last 90 days"}


def headline(*, incidents: Sequence[Cost], chosen: str) -> str:
    """'Reliability cost 20,900 requests and $41 this month.'"""
    when = RANGES[chosen]
    if not incidents:
        return f"Reliability cost nothing {when}."
    counted = [row.bad for row in incidents if row.bad is not None]
    spent = [row.usd for row in incidents if row.usd is not None]
    parts = ([f"{words.count(round(sum(counted)))} requests"] if counted else []) + (
        [words.usd(sum(spent, Decimal()))] if spent else []
    )
    if not parts:
        return (
            f"{_incidents(len(incidents))} {when}; what {'it' if len(incidents) == 1 else 'they'} cost was not counted."
        )
    return f"Reliability cost {' and '.join(parts)} {when}."


def answer(*, objectives: Sequence[ObjectiveRow], incidents: Sequence[Cost]) -> str:
    """Which budgets hold: '2 of 9 budgets are spent: chat TTFT and code availability. 3 incidents.'"""
    known = [row for row in objectives if row.left is not None]
    if not known:
        return "No objective has data yet, so there is no budget to speak of."
    spent = [f"{row.service} {row.title}" for row in known if (row.left or 0.0) <= 0]
    least = min(known, key=lambda row: row.left or 0.0)
    if spent:
        verb = "is" if len(spent) == 1 else "are"
        first = f"{len(spent)} of {len(known)} budgets {verb} spent: {words.listed(spent[:3])}{' and more' if len(spent) > 3 else ''}."
    else:
        first = f"Every budget holds; least is left of {least.service}, {least.title}: {words.left(least.left)}."
    blind = len(objectives) - len(known)
    return " ".join(
        [
            first,
            f"{_incidents(len(incidents))}." if incidents else "No incidents.",
            f"{blind} without data." if blind else "",
        ]
    ).strip()


def _incidents(count: int) -> str:
    return f"{count} incident{'' if count == 1 else 's'}"
