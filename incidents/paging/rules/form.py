"""Personal rules as the page's form has them. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from incidents.oncall.windows import Posted
from incidents.paging.rules.plan import Rule
from incidents.policies.draft import minutes, seconds_of
from observability.core.refusals import Refused

MOST_RULES = 30
LONGEST_MINUTES = 24 * 60


class RowInvalid(Refused):
    """A row cannot be read; the message says which, what was found and what was expected."""


@dataclass(frozen=True, slots=True)
class Row:
    """One rule as typed: a pager's id (empty: no rule), minutes, and the mildest severity it is for."""

    pager: str = ""
    wait: str = ""
    severity: int = 5


def shown(rules: Sequence[Rule]) -> tuple[Row, ...]:
    """Rules as the form shows them: 90 s -> 1.5 minutes."""
    return tuple(Row(str(rule.endpoint_id), minutes(rule.after_seconds), rule.mildest_severity) for rule in rules)


def posted(given: Posted, *, without: str = "") -> tuple[Row, ...]:
    """The rows that a form sent; those without a pager, and row `without` (counted from 1), are left out."""
    rows = zip(*(given.getlist(f"rule-{name}")[:MOST_RULES] for name in ("pager", "wait", "severity")), strict=False)
    return tuple(
        Row(pager, wait.strip(), int(severity) if severity in {"1", "2", "3", "4", "5"} else 5)
        for place, (pager, wait, severity) in enumerate(rows, start=1)
        if pager and str(place) != without
    )


def read(rows: Sequence[Row]) -> tuple[Rule, ...]:
    """The rows as rules; an empty wait is at once. RowInvalid says what is wrong with the first that cannot be."""
    return tuple(_read(place, row) for place, row in enumerate(rows, start=1))


def _read(place: int, row: Row) -> Rule:
    seconds = seconds_of(row.wait or "0")
    if seconds is None or seconds > LONGEST_MINUTES * 60:
        raise RowInvalid(f"Rule {place}: found {row.wait[:20]!r}, expected minutes from 0 to {LONGEST_MINUTES}.")
    if not (row.pager.isascii() and row.pager.isdigit() and len(row.pager) < 16):
        raise RowInvalid(f"Rule {place}: choose one of your pagers.")
    return Rule(int(row.pager), seconds, row.severity)
