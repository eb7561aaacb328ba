"""Latency budget: where does the time of a token go? Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from dashboards.choice import Choice
from observability.core import words
from sloengine.tokentime.budget import WHOLE_SECONDS, Slice, TokenTime


@dataclass(frozen=True, slots=True)
class ServiceTime:
    service: str
    name: str
    simulated: bool
    time: TokenTime


@dataclass(frozen=True, slots=True)
class LatencyReport:
    """`times` are of the services that were measured, the slowest first; `steps` of the first of them."""

    choice: Choice
    services: tuple[str, ...]
    start: datetime
    end: datetime
    times: tuple[ServiceTime, ...]
    steps: tuple[tuple[datetime, float | None], ...]


def name_of(one: Slice) -> str:
    """'kernel + compute, together'"""
    return f"{one.name.replace('+', ' + ')}, together" if one.joint else one.name


def headline(report: LatencyReport) -> str:
    """'A token of chat takes 90 of its 100 ms, and kernel and compute are over their share.'"""
    if not report.times:
        return "Nobody measured where the time of a token goes."
    worst = report.times[0]
    time = worst.time
    over = [name_of(one) for one in time.over]
    seconds = time.seconds or 0.0
    budget = words.seconds(WHOLE_SECONDS)
    if seconds > WHOLE_SECONDS:
        return f"A token of {worst.name} takes {words.seconds(seconds)}, over its {budget}."
    said = f"A token of {worst.name} takes {words.seconds(seconds)} of its {budget}"
    if not over:
        return f"{said}, and every slice keeps its share."
    return f"{said}, and {words.listed(over)} {'is' if len(over) == 1 else 'are'} over {'its' if len(over) == 1 else 'their'} share."


def lead(report: LatencyReport) -> str:
    """What is over by how much, what is joint, what nobody measured."""
    if not report.times:
        return (
            "A probe splits it where it sees the engine's histograms, and better with canaries and GPUs joined to their replicas "
            "(docs/probes.md); it shows here from its next reading on."
        )
    time = report.times[0].time
    parts = [
        f"{name_of(one).capitalize()} takes {words.seconds(one.seconds)} of {words.seconds(one.budget_seconds)}."
        for one in time.over
    ]
    if any(one.joint for one in time.slices):
        parts.append("What cannot be told apart is one slice with the budgets of its parts together.")
    if time.missing:
        parts.append(f"{words.listed(list(time.missing)).capitalize()} was not measured: it needs a canary.")
    others = [f"{one.name} {name_of(part)}" for one in report.times[1:] for part in one.time.over]
    if others:
        parts.append(f"Over their share elsewhere: {words.listed(others[:4])}{' and more' if len(others) > 4 else ''}.")
    if len(report.times) > 1:
        parts.append(f"The slowest of {words.count(len(report.times))} services is shown.")
    return " ".join(parts) or "Every slice was measured alone."


def rows(report: LatencyReport) -> Iterable[Sequence[object]]:
    yield "service", "slice", "seconds of a token", "budget seconds", "over"
    for one in report.times:
        for part in one.time.slices:
            yield one.service, part.name, part.seconds, part.budget_seconds, "yes" if part.over else "no"
        for name, seconds in one.time.opening:
            yield one.service, name, seconds, "", ""
