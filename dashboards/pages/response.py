"""Response: how fast do we respond, and who pays for it?"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from dash import html

from dashboards import figures
from dashboards.pages import frame
from dashboards.reports import response as report_of
from dashboards.reports.response import DONE, NAMES, PUBLISHED, SHORT, ResponseReport
from dashboards.theme import BURN, PLAIN
from incidents.paging.burden import NIGHT_FROM, NIGHT_TO, Person
from incidents.screens.queries.burden import Measure
from incidents.screens.queries.times import Row, Spread
from observability.core import words

HEAD = (("Service", ""), ("Incidents", "n"), ("Detected, median", "n"), ("9 in 10", "n wide"), ("Acknowledged, median", "n"),
        ("9 in 10", "n wide"), ("Mitigated, median", "n"), ("9 in 10", "n wide"))  # fmt: skip
PEOPLE = (("Person", ""), ("Shifts", "n"), ("Pages", "n"), ("A shift", "n"), ("Most in one", "n wide"), ("At night", "n"),
          ("Nights interrupted", "n"))  # fmt: skip


def page(report: ResponseReport) -> list[Any]:
    return frame.frame(
        choice=report.choice,
        headline=report_of.headline(report),
        lead=report_of.lead(report),
        services=report.services,
        views=[(one.value, NAMES[one]) for one in Measure],
        sections=[
            frame.section(f"{NAMES[report.measure]} ({SHORT[report.measure]}): every incident", _dots(report)),
            frame.section("By service", *_tables(report)),
            frame.duo(
                frame.section("Pages by the hour of day where people live", _hours(report)),
                frame.section("Who was paged", _people(report)),
            ),
        ],
        notes=[
            "To detect: from the impact's start until we knew. To acknowledge: from the first page until somebody answered. To mitigate: "
            "from the impact's start until users were no longer hurt. An incident counts in a figure as soon as both its moments are "
            "known; one that was merged counts in the other. Drills stand apart and page nobody here.",
            f"A page is one decision to tell one person, on however many channels; e-mail wakes nobody and is left out. A night is "
            f"{NIGHT_FROM}:00 to {NIGHT_TO:02}:00 in the person's own time zone. More than two incidents in 12 hours on call are too many "
            "(Google, Site Reliability Engineering, chapter 11).",
        ],
    )


def _dots(report: ResponseReport) -> Any:
    if not report.dots:
        return frame.empty(
            f"No incident was {DONE[report.measure]} {report.choice.when}.",
            "Choose a longer range, or start a drill to see how it goes.",
        )
    rows = [
        (
            dot.at,
            max(dot.seconds, 1.0),
            f"INC-{dot.number} SEV{dot.severity} {dot.title}: {words.duration(dot.seconds)}",
            f"/incidents/{dot.number}/",
        )
        for dot in report.dots
    ]
    half = report.choice.step / 2
    usual = [(step.at + half, None if step.median is None else max(step.median, 1.0)) for step in report.steps]
    limit = PUBLISHED.get(report.measure)
    figure = figures.dots(
        rows,
        unit="",
        typical=usual if len(usual) > 2 else (),
        typical_name=f"median of a {report.choice.step_name}",
        limit=limit,
        within=(report.start, report.end),
        limit_name="" if limit is None else f"others publish {words.duration(limit)}",
    )
    return frame.graph("response", figure, f"How long it took {NAMES[report.measure].lower()}, one point an incident")


def _tables(report: ResponseReport) -> list[Any]:
    parts = (
        ("", report.table.real),
        ("Of simulated services", report.table.simulated),
        ("Drills", report.table.drills),
    )
    found = []
    for name, rows in parts:
        if rows:
            found += ([html.H3(name)] if name else []) + [frame.table(HEAD, [_row(row) for row in rows])]
    return found or [frame.empty("Nothing was opened in this range.", "An incident or a drill shows here, by service.")]


def _row(row: Row) -> list[Any]:
    name = (
        frame.link(row.service or "", f"/incidents/?state=all&service={row.slug}")
        if row.slug
        else row.service or "No service"
    )
    return [name, words.count(row.incidents), *_cells((row.detect, row.acknowledge, row.mitigate))]


def _cells(spreads: Sequence[Spread]) -> list[str]:
    return [words.duration(value) for one in spreads for value in (one.median, one.p90)]


def _hours(report: ResponseReport) -> Any:
    if not report.burden.pages:
        return frame.empty(
            "Nobody was paged in this range.", "Pages show here by the hour they came, the night in red."
        )
    night = [hour >= NIGHT_FROM or hour < NIGHT_TO for hour in range(24)]
    figure = figures.hours(report.burden.by_hour, colours=[BURN if dark else PLAIN for dark in night])
    return frame.graph("pages-by-hour", figure, "Pages by hour of day, nights in red")


def _people(report: ResponseReport) -> Any:
    if not report.burden.people:
        return frame.empty(
            "Nobody was on call or paged.", "Make a schedule under On call: its shifts show here with their pages."
        )
    return frame.table(PEOPLE, [_person(one) for one in report.burden.people])


def _person(one: Person) -> list[Any]:
    return [
        one.username,
        words.count(one.shifts),
        words.count(one.pages),
        words.NOTHING if one.a_shift is None else words.count(round(one.a_shift, 1)),
        words.count(one.most),
        words.count(one.at_night),
        words.count(one.nights),
    ]
