"""Executive: how are we doing? Promises, budgets, incidents and money, for who has one minute. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from dashboards.choice import Choice
from dashboards.reports.slo import budgets_said, incidents_said
from incidents.screens.queries.burden import Step
from incidents.screens.queries.times import Row
from observability.core import words
from sloengine.overview.standing import Overview


@dataclass(frozen=True, slots=True)
class Money:
    """What serving cost in the range; `usd` is what is priced, `unpriced` the ratio of tokens without a known price.

    `usd` is None where nothing is priced, `tokens` where nothing was read. A step is `each`: a "day".
    """

    usd: Decimal | None
    tokens: int | None
    requests: int | None
    unpriced: float
    before: Decimal | None
    steps: tuple[tuple[datetime, Decimal | None], ...]
    each: str

    @property
    def per_1k(self) -> Decimal | None:
        """USD of 1,000 priced tokens: $264 for 2,400,000 are $0.11."""
        priced = (self.tokens or 0) * (1 - self.unpriced)
        return None if self.usd is None or priced <= 0 else self.usd * 1000 / Decimal(round(priced))

    @property
    def growth(self) -> float | None:
        """Against the same length of time before: $110 after $100 is 0.1."""
        return None if self.usd is None or not self.before else float(self.usd / self.before) - 1


@dataclass(frozen=True, slots=True)
class ExecutiveReport:
    """`severities` counts incidents by severity, 1 the worst; drills are left out everywhere."""

    choice: Choice
    services: tuple[str, ...]
    start: datetime
    end: datetime
    overview: Overview
    severities: tuple[tuple[int, int], ...]
    open_now: int
    times: Row | None
    incidents: tuple[Step, ...]
    money: Money

    @property
    def incident_count(self) -> int:
        return sum(count for _, count in self.severities)


def headline(report: ExecutiveReport) -> str:
    """'We kept 17 of 18 promises this month.'"""
    found, when = report.overview, report.choice.when
    if not found.promises:
        return "Nothing is promised yet, so nothing can be kept or broken."
    if not found.known:
        return "No promise has data yet, so nobody can say how we are doing."
    if found.kept == found.known:
        one = "The one promise was" if found.known == 1 else f"All {words.count(found.known)} promises were"
        return f"{one} kept {when}."
    return f"We kept {words.count(found.kept)} of {words.count(found.known)} promises {when}."


def lead(report: ExecutiveReport) -> str:
    """Budgets, incidents, money: a sentence each; what is missing says what to do."""
    found = report.overview
    if not found.promises:
        first = "Apply the objectives that ship with Tailwatch, or write your own: manage.py slo apply."
    elif not found.known:
        first = "Connect a source (manage.py connect): budgets fill from its next reading on."
    else:
        known = [one for one in found.promises if one.left is not None]
        blind = len(found.promises) - found.known
        first = budgets_said(known) if known else ""
        first += f" {words.count(blind)} without data." if blind else ""
    return " ".join(part for part in (first, incidents_sentence(report), money_sentence(report.money)) if part)


def incidents_sentence(report: ExecutiveReport) -> str:
    """'3 incidents, the worst SEV1; half were mitigated within 9 min. One is open.'"""
    if not report.severities:
        return "No incidents."
    worst = min(severity for severity, _ in report.severities)
    said = f"{incidents_said(report.incident_count)}, {'a' if report.incident_count == 1 else 'the worst'} SEV{worst}"
    row = report.times
    if row is not None and row.mitigate.known > 1:
        said += f"; half were mitigated within {words.duration(row.mitigate.median)}"
    elif row is not None and row.mitigate.known == 1:
        said += f"; mitigated within {words.duration(row.mitigate.median)}"
    still = (
        ""
        if not report.open_now
        else " One is open."
        if report.open_now == 1
        else f" {words.count(report.open_now)} are open."
    )
    return f"{said}.{still}"


def money_sentence(money: Money) -> str:
    """'Serving cost $1,204, $0.11 per 1,000 tokens, 12 % more than before. 3 % of the tokens have no known price.'"""
    if money.tokens is None:
        return "Nothing was read of what serving cost."
    if money.usd is None:
        return "What serving cost is unknown: no price is set (manage.py cost)."
    change = _change(money.growth)
    unknown = f" {words.percent(money.unpriced)} of the tokens have no known price." if money.unpriced > 0 else ""
    return f"Serving cost {words.usd(money.usd)}, {words.usd(money.per_1k)} per 1,000 tokens{change}.{unknown}"


def _change(growth: float | None) -> str:
    """', 12 % more than the time before', and in multiples from twice as much on."""
    if growth is None:
        return ""
    if abs(growth) < 0.005:
        return ", as much as the time before"
    if growth >= 1:
        return f", {words.factor(1 + growth)} times what it cost the time before"
    return f", {words.percent(abs(growth), 0)} {'more' if growth > 0 else 'less'} than the time before"


def facts(report: ExecutiveReport) -> list[tuple[str, str, str]]:
    """(name, value, what it rests on)"""
    found, money, row = report.overview, report.money, report.times
    least = next((one for one in found.promises if one.left is not None), None)
    worst = ", ".join(f"{count} SEV{severity}" for severity, count in report.severities)
    return [
        ("Promises kept", words.percent(found.kept_ratio), f"{words.count(found.kept)} of {words.count(found.known)}"),
        (
            "Least budget left",
            words.left(least.left if least else None),
            f"{least.name}: {least.title}" if least else "no data",
        ),
        ("Incidents", words.count(report.incident_count), worst or "none"),
        ("Mitigated within", words.duration(row.mitigate.median if row else None), "median, from the impact's start"),
        ("Serving cost", words.usd(money.usd), f"{words.usd(money.per_1k)} per 1,000 tokens"),
    ]


def message(report: ExecutiveReport, *, address: str) -> str:
    """The page as plain text, for a message: the answer first, then each figure on a line, then where to see it."""
    lines = [headline(report), "", lead(report), ""]
    lines += [f"{name}: {value} ({small})" for name, value, small in facts(report)]
    return "\n".join([*lines, "", address])


def rows(report: ExecutiveReport) -> Iterable[Sequence[object]]:
    """Each service with its promises; then each step of time."""
    yield "service", "promises", "with data", "kept", "spent", "worst promise", "budget left"
    for one in report.overview.services:
        yield one.service, one.promises, one.known, one.kept, one.spent, one.worst.title, one.worst.left
    yield ()
    yield f"{report.choice.step_name} from", "incidents"
    for step in report.incidents:
        yield step.at.isoformat(), step.incidents
    yield ()
    yield f"{report.money.each} from", "USD"
    for at, usd in report.money.steps:
        yield at.isoformat(), usd
