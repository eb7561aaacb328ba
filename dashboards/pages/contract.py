"""Contract: will we keep to it?"""

from __future__ import annotations

from datetime import UTC, date, datetime, time
from typing import Any

from dash import html

from dashboards import figures
from dashboards.figures import Band
from dashboards.pages import frame
from dashboards.reports import contract as report_of
from dashboards.reports.contract import ContractReport
from observability.core import words
from sloengine.cost.contracts.bill import Bill
from sloengine.cost.contracts.standing import Standing, tokens_said, usd_said

BILL = (("What", ""), ("Tokens", "n"), ("USD per 1,000", "n"), ("USD", "n"))

#: What an axis of tokens is counted in.
SIZES = ((1_000_000_000, "billion tokens"), (1_000_000, "million tokens"))


def page(report: ContractReport) -> list[Any]:
    standing = report.standing
    sections = [
        frame.section("Tokens used", frame.empty("Nothing to draw yet.", "A contract with its term begun shows here."))
    ]
    if standing is not None:
        span = f"{standing.span.first} to {standing.span.last}"
        sections = [
            frame.facts(report_of.facts(standing)),
            frame.section(f"Tokens used from {span}, and at this pace", _burn_down(report, standing)),
            frame.section("The bill so far", _bill(standing.bill)),
            *(
                [frame.section("The bill of the whole period, at this pace", _bill(standing.projected))]
                if standing.projected
                else []
            ),
            html.P(frame.link("All of this contract", f"/cost/contracts/{report.slug}/")),
        ]
    return frame.frame(
        choice=report.choice,
        headline=report_of.headline(report),
        lead=report_of.lead(report),
        views=report.contracts,
        ranges=(),
        sections=sections,
        notes=[
            "The forecast: coming days use what the last eight weeks used on the same day of the week; the band holds the truth nine "
            "times in ten, and says nothing of what has no past. Past the commitment each 1,000 tokens cost the overage rate up to the "
            "cap, then the rate beyond.",
        ],
    )


def _burn_down(report: ContractReport, standing: Standing) -> Any:
    burn, terms = standing.burn, standing.terms
    size, called = next(((size, name) for size, name in SIZES if terms.commitment_tokens >= size), (1, "tokens"))

    def sized(amount: float) -> float:
        return amount / size

    ahead = [
        Band(_at(one.day), sized(burn.used + one.low), sized(burn.used + one.middle), sized(burn.used + one.high))
        for one in burn.ahead
    ]
    figure = figures.forecast(
        [(_at(day), sized(used)) for day, used in burn.points],
        ahead,
        unit=called,
        limits=[
            (sized(terms.commitment_tokens), f"commitment {tokens_said(terms.commitment_tokens)}"),
            (sized(terms.cap_tokens), f"cap {tokens_said(terms.cap_tokens)}"),
        ],
        address=f"/cost/contracts/{report.slug}/",
    )
    return frame.graph("contract", figure, "Tokens used over the period with the forecast, against commitment and cap")


def _at(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)


def _bill(bill: Bill) -> Any:
    rows = [[line.what, words.count(line.tokens), f"{line.rate}", usd_said(line.usd)] for line in bill.lines]
    return frame.table(BILL, [*rows, ["All", words.count(bill.tokens), "", usd_said(bill.usd)]])
