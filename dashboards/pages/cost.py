"""Cost: what does a thousand tokens cost us, and who spends it?"""

from __future__ import annotations

from typing import Any

from dashboards import figures
from dashboards.choice import Choice
from dashboards.figures import Bar
from dashboards.pages import frame
from dashboards.reports import cost as report_of
from dashboards.reports.cost import NOBODY, VIEWS, CostReport, Part
from dashboards.theme import PLAIN, QUIET
from observability.core import words

BARS, ROWS = 10, 25
#: The same range on the page of the ledger.
HOURS = {"1d": 24, "7d": 168, "30d": 720, "90d": 2160, "400d": 9600}


def page(report: CostReport) -> list[Any]:
    called = VIEWS[report.choice.view]
    return frame.frame(
        choice=report.choice,
        headline=report_of.headline(report),
        lead=report_of.lead(report),
        services=report.services,
        views=list(VIEWS.items()),
        sections=[
            frame.facts(report_of.facts(report)),
            frame.section(
                f"What serving cost a {report.money.each}",
                frame.spent(report.choice, report.money, (report.start, report.end)),
            ),
            frame.section(f"Who spends it: by {called.lower()}", _bars(report)),
            *([frame.section(f"By {called.lower()}", _table(report, called))] if report.parts else []),
        ],
        notes=[
            "Tokens at the price list of the time at which they were used; what has no price is unknown, not free. A request that was "
            "answered carries the cost of those that failed or were given up.",
        ],
    )


def ledger(choice: Choice) -> str:
    """The plain page with every row of it."""
    service = f"&service={choice.service}" if choice.service else ""
    return f"/cost/?by={choice.view}&hours={HOURS[choice.range]}{service}"


def _bars(report: CostReport) -> Any:
    shown = [part for part in report.parts if part.usd > 0][:BARS]
    if not shown:
        return frame.empty("Nothing has a price.", "Set one (manage.py cost): what was used counts from its date on.")
    address = ledger(report.choice)
    bars = [
        Bar(
            part.name,
            float(part.usd),
            f"{words.usd(part.usd)}, {words.percent(report.share(part), 0)}",
            address,
            QUIET if part.name == NOBODY else PLAIN,
        )
        for part in shown
    ]
    return frame.graph("spend", figures.bars(bars, unit="USD"), f"USD by {report.choice.view}")


def _table(report: CostReport, called: str) -> Any:
    head = (
        (called, ""),
        ("USD", "n"),
        ("Share", "n"),
        ("1,000 tokens", "n"),
        ("Answered request", "n wide"),
        ("Tokens", "n"),
        ("No price", "n wide"),
    )
    rows = [_row(report, part) for part in report.parts[:ROWS]]
    left = len(report.parts) - len(rows)
    more = [f"{words.count(left)} more: ", frame.link("all of them", ledger(report.choice))] if left > 0 else []
    return frame.below(frame.table(head, rows), more)


def _row(report: CostReport, part: Part) -> list[Any]:
    return [
        frame.link(part.name, ledger(report.choice)),
        words.usd(part.usd if part.tokens > part.unpriced or not part.tokens else None),
        words.percent(report.share(part)),
        words.usd(part.per_1k),
        words.usd(part.per_answer),
        words.count(part.tokens),
        words.count(part.unpriced) if part.unpriced else words.NOTHING,
    ]
