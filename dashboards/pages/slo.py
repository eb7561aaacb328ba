"""SLO: what did reliability cost this month?"""

from __future__ import annotations

from typing import Any, cast

from dash import dcc, html

from dashboards import figures, sentences
from dashboards.report import Choice, ObjectiveRow, SloReport
from dashboards.theme import CONFIG
from incidents.screens.queries.costs import Cost
from observability.core import words

RANGE_NAMES = {"7d": "7 days", "30d": "30 days", "90d": "90 days"}


def page(report: SloReport) -> list[Any]:
    """The whole page: the answer first, then what it rests on."""
    return [
        html.H1(sentences.headline(incidents=report.incidents, chosen=report.choice.range)),
        html.P(sentences.answer(objectives=report.objectives, incidents=report.incidents), className="lead"),
        _pickers(report.choice, report.services),
        html.Section([html.H2("Budget left, where least is left"), _burn_down(report)]),
        html.Section([html.H2("By objective"), _objectives(report)]),
        html.Section([html.H2("What each incident cost"), *_incidents(report)]),
        html.P(
            "Requests over goal: those that missed the objective that burned, from its start to its end. USD: those requests at the "
            "service's price of a request over the range; the price, not the harm to anyone's business.",
            className="muted small",
        ),
        html.P(
            [
                html.A("As CSV", href=f"/dash/slo.csv?service={report.choice.service}&range={report.choice.range}"),
                " · PNG: the camera above each chart",
            ],
            className="muted small",
        ),
    ]


def _aria(label: str) -> dict[str, Any]:
    return {"aria-label": label}


def _data(label: str) -> dict[str, Any]:
    """The column's name, which a phone shows before the value."""
    return {"data-label": label}


def _pickers(choice: Choice, services: tuple[str, ...]) -> Any:
    names = [("", "All services"), *((service, service) for service in services)]
    return html.Div(
        [
            html.Nav(
                [_tab(name, choice.address(service=slug), slug == choice.service) for slug, name in names],
                className="tabs",
                **_aria("Service"),
            ),
            html.Nav(
                [_tab(name, choice.address(range=key), key == choice.range) for key, name in RANGE_NAMES.items()],
                className="tabs",
                **_aria("Range"),
            ),
        ],
        className="between filters",
    )


def _tab(name: str, address: str, here: bool) -> Any:
    return dcc.Link(name, href=address, className="here" if here else "")


def _burn_down(report: SloReport) -> Any:
    if not any(row.burn_down for row in report.objectives):
        return _empty("No budget has been measured in this range.", "Apply objectives, or choose a longer range.")
    return dcc.Graph(
        figure=figures.burn_down(objectives=report.objectives, incidents=report.incidents),
        config=cast(Any, CONFIG),
        id="burn-down",
    )


def _objectives(report: SloReport) -> Any:
    if not report.objectives:
        return _empty(
            "No SLOs yet.", "Apply the ones that ship with Tailwatch, or write your own: manage.py slo apply."
        )
    head = html.Thead(
        html.Tr(
            [
                html.Th("Service"),
                html.Th("Objective"),
                html.Th("State"),
                html.Th("Target", className="n"),
                html.Th("Attained", className="n"),
                html.Th("Budget left", className="n"),
                html.Th("Bad", className="n wide"),
            ]
        )
    )
    return html.Table([head, html.Tbody([_objective(row) for row in report.objectives])], className="stack")


def _objective(row: ObjectiveRow) -> Any:
    return html.Tr(
        [
            html.Td(row.service),
            html.Td(html.A(html.B(row.title), href=f"/slos/{row.service}/{row.slug}/")),
            html.Td(html.Span(row.word, className=f"state {row.kind}")),
            html.Td(words.target(row.target), className="n", **_data("Target")),
            html.Td(words.percent(row.attained, 3), className="n", **_data("Attained")),
            html.Td(words.left(row.left), className="n", **_data("Budget left")),
            html.Td(words.count(None if row.bad is None else round(row.bad)), className="n wide"),
        ]
    )


def _incidents(report: SloReport) -> list[Any]:
    if not report.incidents:
        return [_empty("No incident began in this range.", "What one costs shows here, in requests and in USD.")]
    head = html.Thead(
        html.Tr(
            [
                html.Th("Incident"),
                html.Th("Service"),
                html.Th("Diagnosis", className="wide"),
                html.Th("Lasted", className="n"),
                html.Th("Requests over goal", className="n"),
                html.Th("USD", className="n"),
            ]
        )
    )
    table = html.Table([head, html.Tbody([_incident(row) for row in report.incidents])], className="stack")
    counted = sum(row.bad is not None for row in report.incidents)
    return (
        [
            dcc.Graph(
                figure=figures.by_incident(incidents=report.incidents), config=cast(Any, CONFIG), id="by-incident"
            ),
            table,
        ]
        if counted > 1
        else [table]
    )


def _incident(row: Cost) -> Any:
    return html.Tr(
        [
            html.Td(
                [
                    html.A([html.B(f"INC-{row.number}"), f" {row.title}"], href=f"/incidents/{row.number}/"),
                    html.Span(" simulated", className="maint small") if row.simulated else "",
                ]
            ),
            html.Td(row.service),
            html.Td(row.leaf, className="wide"),
            html.Td(words.duration(row.lasted_seconds), className="n", **_data("Lasted")),
            html.Td(
                words.count(None if row.bad is None else round(row.bad)),
                className="n",
                **_data("Requests over goal"),
            ),
            html.Td(words.usd(row.usd), className="n", **_data("USD")),
        ]
    )


def _empty(first: str, then: str) -> Any:
    return html.Div(html.P([html.B(first), f" {then}"]), className="empty")
