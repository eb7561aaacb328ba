"""Fleet: do the GPUs work evenly?"""

from __future__ import annotations

from typing import Any

from dash import html

from dashboards import figures
from dashboards.figures import Panel
from dashboards.pages import frame
from dashboards.reports import fleet as report_of
from dashboards.reports.fleet import FleetReport
from dashboards.theme import BURN, PLAIN, WORK
from observability.core import words
from sloengine.gpus.evenness import LIMIT_POINTS, ServiceGpus, Steps, outlier

GPUS_AT_MOST = 64
HEAD = (
    ("Service", ""),
    ("GPUs", "n"),
    ("Busy", "n"),
    ("Furthest from its siblings", ""),
    ("Spread", "n"),
    ("Imbalance", "n"),
)


def page(report: FleetReport) -> list[Any]:
    return frame.frame(
        choice=report.choice,
        headline=report_of.headline(report),
        lead=report_of.lead(report),
        services=report.services,
        sections=[
            frame.section(f"Each GPU over the last {report.hours:g} hours: the darker, the busier", _heat(report)),
            frame.duo(
                frame.section("Spread: how much a GPU moves within five minutes", _lines(report, "spread")),
                frame.section("Imbalance: how far the GPUs of a replica are apart", _lines(report, "imbalance")),
            ),
            *([frame.section("By service", _table(report))] if report.fleet else []),
        ],
        notes=[
            "Busy: share of time with at least one kernel resident. Spread: standard deviation over five minutes of one-second means; "
            "imbalance: largest less smallest five-minute mean within a tensor-parallel group; both in percentage points and only while "
            f"requests run. Over {LIMIT_POINTS:.0f} points is worth a look. Each GPU's own readings are kept for seven hours, those of its "
            "service for 400 days.",
        ],
    )


def _heat(report: FleetReport) -> Any:
    every = [gpu for service in report.fleet for gpu in service.gpus]
    if not every:
        return frame.empty("No GPU was read in the last hours.", "A probe beside the GPUs tells (docs/probes.md).")
    shown = every[:GPUS_AT_MOST]
    rows = list(reversed(shown))
    figure = figures.heat(
        x=[at.isoformat() for at, _ in rows[0].steps],
        y=[gpu.name for gpu in rows],
        z=[[value for _, value in gpu.steps] for gpu in rows],
        said=[
            [f"{gpu.service} {gpu.name} at {at:%H:%M} UTC: {words.percent(value, 0)}" for at, value in gpu.steps]
            for gpu in rows
        ],
        addresses=[[f"/incidents/?state=all&service={gpu.service}"] * len(gpu.steps) for gpu in rows],
        scale=WORK,
        low=0.0,
        high=1.0,
        row_height=18 if len(rows) > 24 else 22,
    )
    left = len(every) - len(shown)
    more = (
        [html.P(f"{words.count(left)} more GPUs: choose a service, or take the CSV.", className="muted small")]
        if left
        else []
    )
    return html.Div([frame.graph("gpus", figure, "Utilisation of each GPU over time"), *more])


def _lines(report: FleetReport, which: str) -> Any:
    lines: list[tuple[ServiceGpus, Steps, float]] = []
    for one in report.fleet:
        steps, mean = (one.spread, one.spread_mean) if which == "spread" else (one.imbalance, one.imbalance_mean)
        if mean is not None:
            lines.append((one, steps, mean))
    if not lines:
        missing = "one reading a second" if which == "spread" else "more than one GPU in a replica"
        return frame.empty("Nothing tells it.", f"It needs {missing}, while requests run.")
    panels = [
        Panel(
            one.name,
            f"{mean:.1f} points",
            steps,
            f"/incidents/?state=all&service={one.service}",
            BURN if mean > LIMIT_POINTS else PLAIN,
        )
        for one, steps, mean in sorted(lines, key=lambda line: -line[2])[:6]
    ]
    figure = figures.panels(panels, tickformat=".0f", limit=LIMIT_POINTS, unit="points")
    return frame.graph(
        which, figure, f"{which.capitalize()} in percentage points, one line a service; red is the limit"
    )


def _table(report: FleetReport) -> Any:
    rows = []
    for one in report.fleet:
        far = outlier(one.gpus)
        said = (
            words.NOTHING
            if far is None
            else f"{far.gpu.name}, {abs(far.points):.0f} points {'above' if far.points > 0 else 'below'}"
        )
        rows.append([
            frame.link(one.name, f"/incidents/?state=all&service={one.service}"),
            words.count(len(one.gpus)),
            words.percent(one.mean, 0),
            said,
            _points(one.spread_mean),
            _points(one.imbalance_mean),
        ])  # fmt: skip
    return frame.table(HEAD, rows)


def _points(value: float | None) -> str:
    return words.NOTHING if value is None else f"{value:.1f}"
