"""Response: how fast do we respond, and what does it cost the people who are paged? Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from dashboards.choice import Choice
from incidents.paging.burden import BEARABLE, Burden
from incidents.screens.queries.burden import Dot, Measure, Step
from incidents.screens.queries.times import Row, Spread, Table
from observability.core import words

#: A span as its figure is called, and as a sentence says it.
NAMES: Final[Mapping[Measure, str]] = {
    Measure.DETECT: "To detect",
    Measure.ACKNOWLEDGE: "To acknowledge",
    Measure.MITIGATE: "To mitigate",
}
DONE: Final[Mapping[Measure, str]] = {
    Measure.DETECT: "detected",
    Measure.ACKNOWLEDGE: "acknowledged",
    Measure.MITIGATE: "mitigated",
}
SHORT: Final[Mapping[Measure, str]] = {Measure.DETECT: "MTTD", Measure.ACKNOWLEDGE: "MTTA", Measure.MITIGATE: "MTTR"}
#: What others publish (REQUIREMENTS R26), in seconds.
PUBLISHED: Final[Mapping[Measure, float]] = {Measure.DETECT: 4 * 3600.0, Measure.MITIGATE: 45 * 60.0}


@dataclass(frozen=True, slots=True)
class ResponseReport:
    """`part` is whose incidents head the page: "real", or "simulated" where there are no real ones. `dots` took longest."""

    choice: Choice
    services: tuple[str, ...]
    start: datetime
    end: datetime
    measure: Measure
    part: str
    table: Table
    steps: tuple[Step, ...]
    dots: tuple[Dot, ...]
    burden: Burden


def spread(row: Row, measure: Measure) -> Spread:
    return {Measure.DETECT: row.detect, Measure.ACKNOWLEDGE: row.acknowledge, Measure.MITIGATE: row.mitigate}[measure]


def headline(report: ResponseReport) -> str:
    """'Half of 23 incidents were mitigated within 9 min, and 4 nights were interrupted.'"""
    row = report.table.first
    if row is None or not row.incidents:
        return f"No incident was opened {report.choice.when}."
    found = row.mitigate
    if not found.known:
        return f"{words.count(row.incidents)} incident{'' if row.incidents == 1 else 's'} {report.choice.when}, none mitigated yet."
    nights = report.burden.nights
    slept = f"and {words.count(nights)} nights were interrupted" if nights > 1 else "and one night was interrupted"
    slept = slept if nights else "and nobody's sleep was interrupted"
    if found.known == 1:
        return f"The one mitigated incident took {words.duration(found.median)}, {slept}."
    return (
        f"Half of {words.count(found.known)} incidents were mitigated within {words.duration(found.median)}, {slept}."
    )


def lead(report: ResponseReport) -> str:
    """'9 in 10 within 40 min. Detected in 1 min, acknowledged in 2 min (medians). 2.1 pages a shift.'"""
    row, burden = report.table.first, report.burden
    if row is None or not row.incidents:
        drills = next(iter(report.table.drills), None)
        practised = f" Drills: {words.count(drills.incidents)}, shown apart." if drills is not None else ""
        return f"What one takes shows here as soon as there is one; a drill shows it too, apart.{practised}"
    parts = []
    if row.mitigate.known > 1:
        parts.append(f"9 in 10 within {words.duration(row.mitigate.p90)}.")
    said = [
        f"{DONE[one]} in {words.duration(found.median)}"
        for one in (Measure.DETECT, Measure.ACKNOWLEDGE)
        if (found := spread(row, one)).known
    ]
    if said:
        parts.append(f"{said[0].capitalize()}{''.join(f', {one}' for one in said[1:])} (medians).")
    if burden.a_shift is not None:
        parts.append(f"{words.count(round(burden.a_shift, 1))} pages a shift.")
    elif burden.pages:
        parts.append(f"{words.count(burden.pages)} pages, to people on no schedule.")
    over = [person.username for person in burden.people if (person.per_12_hours or 0.0) > BEARABLE]
    if over:
        parts.append(f"{words.listed(over[:3])} had more than {BEARABLE:g} incidents in 12 hours on call.")
    if report.part == "simulated":
        parts.append("All of simulated services.")
    return " ".join(parts)


def rows(report: ResponseReport) -> Iterable[Sequence[object]]:
    """Each service in each part, in seconds; then each person."""
    yield ("part", "service", "incidents", "detected median s", "detected p90 s", "acknowledged median s", "acknowledged p90 s",
           "mitigated median s", "mitigated p90 s")  # fmt: skip
    for part, found in (
        ("real", report.table.real),
        ("simulated", report.table.simulated),
        ("drills", report.table.drills),
    ):
        for row in found:
            spreads = [value for one in Measure for value in (spread(row, one).median, spread(row, one).p90)]
            yield part, row.service or "unknown", row.incidents, *spreads
    yield ()
    yield (
        "person",
        "pages",
        "incidents",
        "pages at night",
        "nights interrupted",
        "shifts",
        "hours on call",
        "pages in shifts",
        "most in a shift",
    )
    for one in report.burden.people:
        yield (
            one.username,
            one.pages,
            one.incidents,
            one.at_night,
            one.nights,
            one.shifts,
            round(one.hours, 1),
            one.in_shifts,
            one.most,
        )
