"""Fleet: do the GPUs work evenly? Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from dashboards.choice import Choice
from observability.core import words
from sloengine.gpus.evenness import LIMIT_POINTS, Outlier, ServiceGpus, outlier


@dataclass(frozen=True, slots=True)
class FleetReport:
    """Services that have GPUs; `hours` is how far back each GPU's own readings are shown."""

    choice: Choice
    services: tuple[str, ...]
    start: datetime
    end: datetime
    hours: float
    fleet: tuple[ServiceGpus, ...]

    @property
    def gpus(self) -> int:
        return sum(len(one.gpus) for one in self.fleet)

    @property
    def outliers(self) -> tuple[Outlier, ...]:
        """The GPUs that stand out by more than the limit, the furthest first, one a service."""
        found = [one for service in self.fleet if (one := outlier(service.gpus)) is not None]
        far = [one for one in found if abs(one.points) > LIMIT_POINTS]
        return tuple(sorted(far, key=lambda one: -abs(one.points)))


def headline(report: FleetReport) -> str:
    """'Every GPU works like its siblings.' or 'chat-2/0 works at 22 % where its siblings are at 71 %.'"""
    if not report.gpus:
        return "No GPU was read."
    if report.outliers:
        worst = report.outliers[0]
        own, usual = words.percent(worst.gpu.mean, 0), words.percent(worst.usual, 0)
        return f"GPU {worst.gpu.name} works at {own} where its siblings are at {usual}."
    uneven = [one for one in report.fleet if (one.imbalance_mean or 0.0) > LIMIT_POINTS]
    if uneven:
        return f"The GPUs within a replica of {uneven[0].name} are {uneven[0].imbalance_mean:.0f} points apart."
    return "Every GPU works about as much as its siblings."


def lead(report: FleetReport) -> str:
    """'18 GPUs of 3 services; chat 63 %, code 41 % and batch 88 % busy. Spread is 4 points at most.'"""
    if not report.gpus:
        return "Probes tell what GPUs do: install one on each node (docs/probes.md), or name a DCGM page in its configuration."
    busy = [f"{one.name} {words.percent(one.mean, 0)}" for one in report.fleet if one.mean is not None]
    spreads = [(one.spread_mean, one.name) for one in report.fleet if one.spread_mean is not None]
    services = f"{words.count(len(report.fleet))} service{'' if len(report.fleet) == 1 else 's'}"
    parts = [
        f"{words.count(report.gpus)} GPUs of {services}, busy in the last {report.hours:g} h: {words.listed(busy)}."
    ]
    if spreads:
        most, who = max(spreads)
        verdict = "over" if most > LIMIT_POINTS else "under"
        limit = f"{verdict} the {LIMIT_POINTS:.0f} that are worth a look"
        parts.append(f"Within five minutes they move by {most:.0f} points at most (of {who}), {limit}.")
    else:
        parts.append(
            "How much they move within five minutes nobody tells: it needs a reading a second while requests run."
        )
    return " ".join(parts)


def rows(report: FleetReport) -> Iterable[Sequence[object]]:
    yield "service", "gpu", "busy", "service spread points", "service imbalance points"
    for one in report.fleet:
        for gpu in one.gpus:
            yield one.service, gpu.name, gpu.mean, one.spread_mean, one.imbalance_mean
