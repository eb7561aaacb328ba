"""The time of a token as the probe measured it, from rollups."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from probes.slices import split
from sloengine.catalog.models import Service
from sloengine.rollups import queries as rollups
from sloengine.tokentime.budget import TokenTime, token_time

FAMILY = "token_time_seconds"
CLIENT, ENGINE, GAP = "canary_per_token_seconds", "per_token_seconds", "inter_token_seconds"
BUSY, ACTIVE = "gpu_utilisation_ratio", "gpu_sm_activity_ratio"
Steps = tuple[tuple[datetime, float | None], ...]


def measured(*, service: Service, start: datetime, end: datetime) -> TokenTime:
    """Means over the range, as the probe split them; where it told nothing, from the sums that it splits."""
    window: dict[str, Any] = {"service": service, "start": start, "end": end}
    found = rollups.gauge(**window, family=FAMILY, by=("reason",))
    means = {reason: one.mean for (reason,), one in found.items() if one.mean is not None}
    if means:
        return token_time(means)
    client, engine, gap = (rollups.histogram(**window, family=family).get(()) for family in (CLIENT, ENGINE, GAP))
    busy, active = (rollups.gauge(**window, family=family).get(()) for family in (BUSY, ACTIVE))
    own = engine.mean if engine is not None else None
    return token_time(
        split(
            client=client.mean if client is not None else None,
            engine=own if own is not None else gap.mean if gap is not None else None,
            busy=busy.mean if busy is not None else None,
            active=active.mean if active is not None else None,
        )
    )


def over_time(*, service: Service, start: datetime, end: datetime, points: int) -> Steps:
    """Seconds of one token in each of so many steps, at their ends: as clients have it, else as the engine has it."""
    step = max(int((end - start).total_seconds() / points), 60)
    for family in (CLIENT, ENGINE, GAP):
        found = rollups.points(service=service, family=family, start=start, end=end, step_seconds=step)
        if sum(point.value is not None for point in found) > 1:
            return tuple((point.at, point.value) for point in found)
    return ()
