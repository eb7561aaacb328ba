"""SLOs: what did reliability cost this month?"""

from __future__ import annotations

from typing import Any

from dash import html

from dashboards import figures
from dashboards.figures import Bar, Panel
from dashboards.pages import frame
from dashboards.reports import slo as report_of
from dashboards.reports.slo import ObjectiveRow, SloReport
from dashboards.theme import BURN, PLAIN
from incidents.screens.queries.costs import Cost
from observability.core import words

BARS, INCIDENTS = 12, 25
HEAD = (("Service", ""), ("Objective", ""), ("State", ""), ("Target", "n"), ("Attained", "n"), ("Budget left", "n"),
        ("Bad", "n wide"))  # fmt: skip
INCIDENT_HEAD = (("Incident", ""), ("Service", ""), ("Diagnosis", "wide"), ("Lasted", "n"),
                 ("Requests over goal", "n"), ("USD", "n"))  # fmt: skip


def page(report: SloReport) -> list[Any]:
    """The whole page: the answer first, then what it rests on."""
    shown, whole = len(report.objectives), len(report.overview.promises)
    title = "By objective" if shown == whole else f"By objective: the {shown} of {words.count(whole)} with least left"
    return frame.frame(
        choice=report.choice,
        headline=report_of.headline(incidents=report.incidents, when=report.choice.when),
        lead=report_of.answer(overview=report.overview, incidents=len(report.incidents)),
        services=report.services,
        sections=[
            frame.section("Budget left, where least is left", _burn_down(report)),
            frame.section(title, _objectives(report)),
            frame.section("What each incident cost", *_incidents(report)),
        ],
        notes=[
            "Requests over goal: those that missed the objective that burned, from its start to its end. USD: those requests at the "
            "service's price of a request over the range; the price, not the harm to anyone's business.",
        ],
    )


def _burn_down(report: SloReport) -> Any:
    drawn = [row for row in report.objectives if row.burn_down]
    if not drawn:
        return frame.empty("No budget has been measured in this range.", "Apply objectives, or choose a longer range.")
    figure = figures.panels(
        [
            Panel(
                f"{row.service}: {row.title}",
                f"{words.left(row.left)} left" if (row.left or 0.0) >= 0 else words.left(row.left),
                row.burn_down,
                row.address,
                BURN if (row.left or 0.0) <= 0 else PLAIN,
            )
            for row in drawn
        ],
        tickformat=".0%",
        marks=[row.started_at for row in report.incidents],
        floor=-1.0,
        limit=0.0,
    )
    return frame.graph(
        "budget-left", figure, "Budget left over time, one line an objective; dotted where incidents began"
    )


def _objectives(report: SloReport) -> Any:
    if not report.objectives:
        return frame.empty(
            "No SLOs yet.", "Apply the ones that ship with Tailwatch, or write your own: manage.py slo apply."
        )
    return frame.table(HEAD, [_objective(row) for row in report.objectives])


def _objective(row: ObjectiveRow) -> list[Any]:
    return [
        row.service,
        frame.link(row.title, row.address),
        frame.state(row.word, row.kind),
        words.target(row.target),
        words.percent(row.attained, 3),
        words.left(row.left),
        words.count(None if row.bad is None else round(row.bad)),
    ]


def _incidents(report: SloReport) -> list[Any]:
    if not report.incidents:
        return [frame.empty("No incident began in this range.", "What one costs shows here, in requests and in USD.")]
    shown = report.incidents[:INCIDENTS]
    left = len(report.incidents) - len(shown)
    address = f"/incidents/?state=all{f'&service={report.choice.service}' if report.choice.service else ''}"
    more = [f"{words.count(left)} more: ", frame.link("all incidents", address)] if left else []
    table = frame.below(frame.table(INCIDENT_HEAD, [_incident(row) for row in shown]), more)
    counted = sorted((row for row in report.incidents if row.bad is not None), key=lambda row: -(row.bad or 0.0))[:BARS]
    if len(counted) < 2:
        return [table]
    bars = [
        Bar(
            f"INC-{row.number} {row.service}",
            row.bad,
            words.count(round(row.bad or 0.0)),
            f"/incidents/{row.number}/",
            BURN,
        )
        for row in counted
    ]
    chart = frame.graph("by-incident", figures.bars(bars, unit="requests over goal"), "Requests over goal by incident")
    return [chart, table]


def _incident(row: Cost) -> list[Any]:
    return [
        [
            html.A([html.B(f"INC-{row.number}"), f" {row.title}"], href=f"/incidents/{row.number}/"),
            html.Span(" simulated", className="maint small") if row.simulated else "",
        ],
        row.service,
        row.leaf,
        words.duration(row.lasted_seconds),
        words.count(None if row.bad is None else round(row.bad)),
        words.usd(row.usd),
    ]
