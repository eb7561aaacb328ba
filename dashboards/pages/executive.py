"""Executive: how are we doing, in one minute?"""

from __future__ import annotations

from typing import Any

from dash import html

from dashboards import figures
from dashboards.figures import Bar
from dashboards.pages import frame
from dashboards.reports import executive as report_of
from dashboards.reports.executive import ExecutiveReport
from dashboards.theme import BURN, OK, WARN
from observability.core import words
from sloengine.overview.standing import ServiceStanding

BARS, ROWS = 8, 25
HEAD = (
    ("Service", ""),
    ("Promises", "n"),
    ("Kept", "n"),
    ("Spent", "n"),
    ("Worst promise", "wide"),
    ("Budget left", "n"),
)


def page(report: ExecutiveReport) -> list[Any]:
    return frame.frame(
        choice=report.choice,
        headline=report_of.headline(report),
        lead=report_of.lead(report),
        services=report.services,
        sections=[
            frame.facts(report_of.facts(report)),
            frame.section("Budget left of each service's worst promise", _budgets(report)),
            frame.duo(
                frame.section(f"Incidents a {report.choice.step_name}", _incidents(report)),
                frame.section(
                    f"What serving cost a {report.money.each}",
                    frame.spent(report.choice, report.money, (report.start, report.end)),
                ),
            ),
            *([frame.section("By service", _services(report))] if report.overview.services else []),
        ],
        notes=[
            [html.A("Send me the week as a message", href="/me/digest/"), " · this page prints well"],
            "A promise is kept where what it attained over the range is its target or more; its budget is that of its own window, now. "
            "Cost is what is priced; what has no price is unknown, not free. Drills are left out.",
        ],
    )


def _budgets(report: ExecutiveReport) -> Any:
    shown = [one for one in report.overview.services if one.worst.left is not None][:BARS]
    if not shown:
        return frame.empty(
            "No budget has data yet.", "Apply objectives: manage.py slo apply. They count from the next reading on."
        )
    figure = figures.bars([_bar(one) for one in shown], unit="budget left", tickformat=".0%", most=1.0)
    return frame.graph("budgets", figure, "Budget left of each service's worst promise")


def _bar(one: ServiceStanding) -> Bar:
    left = one.worst.left or 0.0
    colour = BURN if left <= 0 else WARN if left < 0.5 else OK
    address = f"/slos/{one.service}/{one.worst.slug}/"
    return Bar(f"{one.name}: {one.worst.title}", min(max(left, 0.0), 1.0), words.left(left), address, colour)


def _incidents(report: ExecutiveReport) -> Any:
    if not report.incidents:
        return frame.empty(f"No incident {report.choice.when}.", "Each shows here, and leads to its page.")
    figure = figures.columns(
        [step.at for step in report.incidents],
        [step.incidents for step in report.incidents],
        unit="incidents",
        addresses=[report.choice.but(page="response").address] * len(report.incidents),
        within=(report.start, report.end),
        step=report.choice.step,
    )
    return frame.graph("incidents", figure, f"Incidents a {report.choice.step_name}")


def _services(report: ExecutiveReport) -> Any:
    rows = [
        [
            frame.link(one.name, report.choice.but(page="slo", service=one.service).address),
            words.count(one.promises),
            words.count(one.kept) if one.known else words.NOTHING,
            words.count(one.spent) if one.known else words.NOTHING,
            one.worst.title if one.worst.left is not None else "no data",
            words.left(one.worst.left),
        ]
        for one in report.overview.services[:ROWS]
    ]
    return frame.table(HEAD, rows)
