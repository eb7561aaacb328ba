"""Trade-off: where do latency and throughput both hold?"""

from __future__ import annotations

from typing import Any

from dash import dcc, html

from dashboards import figures
from dashboards.data.tradeoff import RANGES
from dashboards.pages import frame
from dashboards.reports import tradeoff as report_of
from dashboards.reports.tradeoff import VIEWS, TradeoffReport, depth_said, rate_said, step_said
from dashboards.theme import LIT
from observability.core import words
from sloengine.cost.tradeoff.matrix import THIN_UNDER, Cell

#: Both hold, one does, none does.
BOTH, ONE, NEITHER = 1.0, 0.5, 0.0
HEAD = (
    ("Step time", ""),
    ("Waiting a replica", ""),
    ("Both hold", ""),
    ("p95", "n"),
    ("Throughput", "n"),
    ("Windows", "n"),
)


def page(report: TradeoffReport) -> list[Any]:
    mark = " (simulated)" if report.simulated else ""
    of = f" of {report.name}{mark}" if report.name else ""
    return frame.frame(
        choice=report.choice,
        headline=report_of.headline(report),
        lead=report_of.lead(report),
        services=report.services,
        every_service=False,
        views=list(VIEWS.items()),
        ranges=RANGES,
        sections=[
            frame.section(f"Step time by queue depth{of}: lit where both hold", _matrix(report)),
            _targets(report),
            *([frame.section("Every cell", _table(report))] if report.matrix.cells else []),
        ],
        notes=[
            "X is the measured step time, the mean gap between two tokens: engines with continuous batching have no batch window to set. "
            "Y is the requests that wait, a replica. A cell's p95 is the quantile of its windows' summed histograms; hatched cells were "
            f"seen in fewer than {THIN_UNDER} windows, which may be chance.",
        ],
    )


def _matrix(report: TradeoffReport) -> Any:
    cells = {(cell.column, cell.row): cell for cell in report.matrix.cells}
    if not cells:
        return frame.empty(
            "No window was seen in which step time and queue depth are known.", "Choose another service or range."
        )
    columns = range(min(column for column, _ in cells), max(column for column, _ in cells) + 1)
    lines = range(min(row for _, row in cells), max(row for _, row in cells) + 1)
    x, y = [step_said(column) for column in columns], [depth_said(row) for row in lines]
    at = [[cells.get((column, row)) for column in columns] for row in lines]
    figure = figures.heat(
        x=x,
        y=y,
        z=[[None if cell is None else _level(cell) for cell in line] for line in at],
        said=[["" if cell is None else _said(cell, report) for cell in line] for line in at],
        shown=[
            [
                "" if cell is None else f"{words.seconds(cell.p95_seconds)}<br>{words.count(round(cell.rate))}/s"
                for cell in line
            ]
            for line in at
        ],
        addresses=[[report.choice.but(page="slo").address] * len(x) for _ in y],
        hatched=[
            (column, line)
            for line, row in enumerate(at)
            for column, cell in enumerate(row)
            if cell is not None and cell.thin
        ],
        scale=LIT,
        low=0.0,
        high=1.0,
        x_unit="measured step time",
        y_unit="requests waiting, a replica",
        row_height=56,
    )
    return frame.graph(
        "tradeoff",
        figure,
        "Step time by queue depth; each cell with its p95 and throughput, lit where both targets hold",
    )


def _level(cell: Cell) -> float:
    return BOTH if cell.holds else ONE if cell.fast or cell.enough else NEITHER


def _said(cell: Cell, report: TradeoffReport) -> str:
    verdict = (
        "both hold" if cell.holds else "too slow" if cell.enough else "too little" if cell.fast else "neither holds"
    )
    thin = ", thin" if cell.thin else ""
    return f"p95 {words.seconds(cell.p95_seconds)}, {rate_said(cell, report)}: {verdict}<br>{words.count(cell.windows)} windows{thin}"


def _targets(report: TradeoffReport) -> Any:
    """A form that changes the address; it needs no callback."""
    targets, choice = report.matrix.targets, report.choice
    hidden = {"service": choice.service, "range": choice.range, "view": choice.view}
    fields = [
        ("p95_ms", "p95 at most, ms", f"{targets.p95_seconds * 1000:g}"),
        ("rate", f"At least, {report.done}/s", f"{targets.rate:g}"),
    ]
    return html.Form(
        [
            *(dcc.Input(type="hidden", name=name, value=value) for name, value in hidden.items()),
            *(
                html.Div(
                    [html.Label(label, htmlFor=name), dcc.Input(id=name, name=name, value=value, inputMode="numeric")],
                    className="field",
                )
                for name, label, value in fields
            ),
            html.Button("Set targets", type="submit"),
        ],
        action=f"/dash/{choice.page}/",
        method="get",
        className="filters no-print",
    )


def _table(report: TradeoffReport) -> Any:
    best_first = sorted(report.matrix.cells, key=lambda cell: (cell.thin, not cell.holds, not cell.fast, -cell.rate))
    return frame.table(
        HEAD,
        [
            [
                step_said(cell.column),
                depth_said(cell.row),
                frame.state("both hold", "ok")
                if cell.holds
                else frame.state("too little" if cell.fast else "too slow", "muted" if cell.fast else "warn"),
                words.seconds(cell.p95_seconds),
                rate_said(cell, report),
                f"{words.count(cell.windows)}{', thin' if cell.thin else ''}",
            ]
            for cell in best_first
        ],
    )
