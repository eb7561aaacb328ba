"""Contract: will we keep to it, and what does it cost? Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from dashboards.choice import Choice
from observability.core import words
from sloengine.cost.contracts.standing import Standing, break_even_said, outlook, tokens_said, usd_said
from sloengine.cost.contracts.standing import headline as standing_headline


@dataclass(frozen=True, slots=True)
class ContractReport:
    """`contracts` are (slug, name); `standing` is that of the chosen one, None where it has not begun or there is none."""

    choice: Choice
    end: datetime
    contracts: tuple[tuple[str, str], ...]
    slug: str
    standing: Standing | None
    starts_on: date | None
    open_reviews: int


def headline(report: ContractReport) -> str:
    if not report.contracts:
        return "No contract is known."
    if report.standing is None:
        return f"{dict(report.contracts)[report.slug]} has not begun: its first day is {report.starts_on}."
    return standing_headline(report.standing)


def lead(report: ContractReport) -> str:
    if not report.contracts:
        return "Put one under Cost, Contracts: its term, commitment and rates. From then on its burn-down and forecast show here."
    if report.standing is None:
        return "From then on its burn-down and forecast show here."
    reviews = {0: "", 1: " One cost review is open."}.get(
        report.open_reviews, f" {report.open_reviews} cost reviews are open."
    )
    return outlook(report.standing) + reviews


def facts(standing: Standing) -> list[tuple[str, str, str]]:
    terms, bill = standing.terms, standing.bill
    rate = "unknown" if bill.effective_rate is None else f"{bill.effective_rate:.4f} USD"
    projected = standing.projected
    between = (
        ""
        if standing.at_least is None or standing.at_most is None or standing.at_least.usd == standing.at_most.usd
        else f"between {usd_said(standing.at_least.usd)} and {usd_said(standing.at_most.usd)}"
    )
    return [
        ("Used", words.percent(standing.ratio), f"{tokens_said(standing.tokens)} of {tokens_said(terms.commitment_tokens)}"),
        ("Owed so far", usd_said(bill.usd), "the commitment is paid whole" if terms.shortfall_paid else "by use"),
        ("1,000 tokens cost", rate, f"on demand {terms.rate_beyond} USD"),
        ("Bill of the period", "no forecast yet" if projected is None else usd_said(projected.usd), between),
        ("Pays from", break_even_said(terms).partition(",")[0], "below it on demand is cheaper"),
    ]  # fmt: skip


def rows(report: ContractReport) -> Iterable[Sequence[object]]:
    yield "day", "tokens used until its end", "forecast low", "forecast", "forecast high", "commitment", "cap"
    if report.standing is None:
        return
    burn, terms = report.standing.burn, report.standing.terms
    for day, used in burn.points:
        yield day, round(used), None, None, None, terms.commitment_tokens, terms.cap_tokens
    for one in burn.ahead:
        low, middle, high = (round(burn.used + amount) for amount in (one.low, one.middle, one.high))
        yield one.day, None, low, middle, high, terms.commitment_tokens, terms.cap_tokens
