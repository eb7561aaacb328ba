"""Latency budget: where does the time of a token go?"""

from __future__ import annotations

from typing import Any

from dashboards import figures
from dashboards.figures import Bar, Panel
from dashboards.pages import frame
from dashboards.reports import latency as report_of
from dashboards.reports.latency import LatencyReport, ServiceTime, name_of
from dashboards.theme import BURN, OK, PLAIN, QUIET
from observability.core import words
from sloengine.tokentime.budget import SLICES, WHOLE_SECONDS, Slice

HEAD = (
    ("Service", ""),
    ("A token takes", "n"),
    ("Of", "n"),
    ("Over its share", ""),
    ("Opening a connection", "n wide"),
)


def page(report: LatencyReport) -> list[Any]:
    first = report.times[0] if report.times else None
    name = "" if first is None else f" of {first.name}"
    shares = ", ".join(f"{slice_} {words.seconds(seconds)}" for slice_, seconds in SLICES.items())
    return frame.frame(
        choice=report.choice,
        headline=report_of.headline(report),
        lead=report_of.lead(report),
        services=report.services,
        sections=[
            frame.section(
                f"A token{name}: each slice against its share (the tick) of {words.seconds(WHOLE_SECONDS)}",
                _slices(first),
            ),
            frame.section(f"A token{name} over time", _line(report)),
            *([frame.section("By service", _table(report))] if report.times else []),
        ],
        notes=[
            f"Shares: {shares}. Network: the canaries' time per token less the engine's. Host: no kernel on the GPU. Kernel: one is "
            "resident, multiprocessors idle. Compute: multiprocessors at work. All are means. Looking a name up and opening a connection "
            "(grey) come before the first byte and are spread over an answer's tokens; they are not part of the budget.",
        ],
    )


def _slices(first: ServiceTime | None) -> Any:
    if first is None:
        return frame.empty(
            "No probe measured the time of a token.", "Name an engine's page in probes.yaml (docs/probes.md)."
        )
    address = f"/incidents/?state=all&service={first.service}"
    rows = [_bar(one, address) for one in first.time.slices]
    rows += [Bar(name, seconds * 1000, words.seconds(seconds), address, QUIET) for name, seconds in first.time.opening]
    figure = figures.bars(rows, unit="ms of one token")
    return frame.graph("slices", figure, "Milliseconds of one token by slice, each with its budget")


def _bar(one: Slice, address: str) -> Bar:
    said = f"{words.seconds(one.seconds)} of {words.seconds(one.budget_seconds)}"
    return Bar(name_of(one), one.seconds * 1000, said, address, BURN if one.over else OK, one.budget_seconds * 1000)


def _line(report: LatencyReport) -> Any:
    if not any(value is not None for _, value in report.steps):
        return frame.empty("Nothing was measured in this range.", "Choose another.")
    first = report.times[0]
    steps = [(at, None if value is None else value * 1000) for at, value in report.steps]
    panel = Panel(
        "All slices together",
        words.seconds(first.time.seconds),
        steps,
        f"/incidents/?state=all&service={first.service}",
        PLAIN,
    )
    figure = figures.panels([panel], tickformat=".0f", limit=WHOLE_SECONDS * 1000, unit="ms a token")
    return frame.graph(
        "token-time", {**figure, "layout": {**figure["layout"], "height": 220}}, "Milliseconds of one token over time"
    )


def _table(report: LatencyReport) -> Any:
    return frame.table(HEAD, [_row(report, one) for one in report.times])


def _row(report: LatencyReport, one: ServiceTime) -> list[Any]:
    opening = sum(seconds for _, seconds in one.time.opening)
    return [
        frame.link(one.name, report.choice.but(service=one.service).address),
        words.seconds(one.time.seconds),
        words.seconds(one.time.budget_seconds),
        ", ".join(f"{name_of(part)} {words.seconds(part.seconds)}" for part in one.time.over) or "none",
        words.seconds(opening) if one.time.opening else words.NOTHING,
    ]
