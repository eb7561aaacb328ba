"""The trade-off page: the windows of one service in cells."""

from __future__ import annotations

from datetime import datetime

from dashboards.choice import Choice
from dashboards.data.common import chosen_services, known_choice
from dashboards.reports.tradeoff import VIEWS, TradeoffReport
from observability.core.models import Organisation
from sloengine.cost.tradeoff.matrix import P95_TARGET_SECONDS, RATE_TARGET, Targets, matrix
from sloengine.cost.tradeoff.queries import known, windows
from sloengine.rollups import queries as rollups

#: More than a month is read in a month: hours, of which each is a window.
RANGES = ("1d", "7d", "30d")


def load(*, organisation: Organisation, choice: Choice, now: datetime) -> TradeoffReport:
    choice, services = known_choice(organisation=organisation, choice=choice)
    choice = choice if choice.range in RANGES else choice.but(range=RANGES[-1])
    done = choice.view if choice.view in VIEWS else next(iter(VIEWS))
    start = now - choice.span
    rows = chosen_services(organisation=organisation, choice=choice)
    targets, problem = targets_of(choice)
    with rollups.snapshot():
        latencies = ((one, known(service=one, start=start, end=now)) for one in rows)
        service, latency = next(((one, name) for one, name in latencies if name), (rows[0] if rows else None, ""))
        found = (
            windows(service=service, start=start, end=now, latency=latency, done=done)
            if service is not None and latency
            else []
        )
    return TradeoffReport(
        choice=choice.but(view=done, service=service.slug if service is not None else ""),
        services=services,
        start=start,
        end=now,
        service=service.slug if service is not None else "",
        name=service.name if service is not None else "",
        simulated=service.simulated if service is not None else False,
        latency=latency or "ttft",
        done=done,
        matrix=matrix(found, targets=targets),
        problem=problem,
    )


def targets_of(choice: Choice) -> tuple[Targets, str]:
    """From the address, in ms and per second; what is wrong there is said, and the shipped targets count."""
    try:
        p95 = float(choice.asked("p95_ms") or P95_TARGET_SECONDS * 1000) / 1000
        rate = float(choice.asked("rate") or RATE_TARGET)
        if not (0 < p95 <= 3600 and 0 <= rate <= 1e9):
            raise ValueError
    except ValueError:
        given = f"p95_ms={choice.asked('p95_ms') or '-'} and rate={choice.asked('rate') or '-'}"
        return Targets(), f"{given} are no targets: give a p95 above 0 ms and a rate of 0 or more."
    return Targets(p95, rate), ""
