"""GPUs of services, from rollups. Each GPU's own readings live for seven hours, those of its service for 400 days."""

from __future__ import annotations

from collections import defaultdict
from datetime import datetime, timedelta

from sloengine.catalog.models import Service
from sloengine.gpus.evenness import Gpu, ServiceGpus, Steps, names
from sloengine.rollups import queries as rollups

#: How far back the readings of each GPU reach.
RECENT = timedelta(hours=6)
RECENT_STEP_SECONDS = 300
UTILISATION, SPREAD, IMBALANCE = "gpu_utilisation_ratio", "gpu_utilisation_spread_points", "gpu_imbalance_points"


def fleet(*, service: Service, start: datetime, end: datetime, points: int) -> ServiceGpus:
    """Every GPU over the last hours of the range, and how evenly they worked over all of it."""
    spread, imbalance = (_line(service, family, start, end, points) for family in (SPREAD, IMBALANCE))
    return ServiceGpus(
        service=service.slug,
        name=service.name,
        simulated=service.simulated,
        gpus=_gpus(service, max(start, end - RECENT), end),
        spread=spread,
        imbalance=imbalance,
        spread_mean=_mean(service, SPREAD, start, end),
        imbalance_mean=_mean(service, IMBALANCE, start, end),
    )


def _gpus(service: Service, start: datetime, end: datetime) -> tuple[Gpu, ...]:
    by = ("replica", "gpu")
    means = rollups.gauge(service=service, family=UTILISATION, start=start, end=end, by=by)
    steps = rollups.gauge_steps(
        service=service, family=UTILISATION, start=start, end=end, step_seconds=RECENT_STEP_SECONDS, by=by
    )
    lines: dict[tuple[str, ...], list[tuple[datetime, float | None]]] = defaultdict(list)
    for number, groups in enumerate(steps):
        at = start + timedelta(seconds=RECENT_STEP_SECONDS) * number
        for key in means:
            found = groups.get(key)
            lines[key].append((at, found.mean if found is not None else None))
    called = names([(replica, gpu) for replica, gpu in sorted(means)], service=service.slug)
    return tuple(Gpu(service.slug, name, means[key].mean, tuple(lines[key])) for key, name in called.items())


def _line(service: Service, family: str, start: datetime, end: datetime, points: int) -> Steps:
    step = max(int((end - start).total_seconds() / points), 60)
    found = rollups.points(service=service, family=family, start=start, end=end, step_seconds=step)
    return tuple((point.at, point.value) for point in found)


def _mean(service: Service, family: str, start: datetime, end: datetime) -> float | None:
    found = rollups.gauge(service=service, family=family, start=start, end=end).get(())
    return found.mean if found is not None else None
