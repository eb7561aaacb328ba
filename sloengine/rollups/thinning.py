"""Which ticks live on in the coarser tiers, and for how long. Pure.

A tier holds the rows at its step and at each local midnight of a zone in use, so that a calendar month in Kathmandu (UTC+5:45)
has exact edges too. Where the row at a step is missing (a source was down), the last row before it stands in: the window's edge
is the nearest row at or before, and nothing was counted in between.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from itertools import pairwise
from typing import Final
from zoneinfo import ZoneInfo


@dataclass(frozen=True, slots=True)
class Tier:
    """`step_seconds` between rows (0: every tick), kept for `keep`; partitions of the table are `partition` long."""

    name: str
    step_seconds: int
    keep: timedelta
    partition: str  #: hour, day or month
    replicas: bool  #: holds the slots of single replicas too


FINEST: Final = Tier("finest", 0, timedelta(hours=7), "hour", True)
FIVE_MINUTES: Final = Tier("five_minutes", 300, timedelta(days=4), "day", False)
HOUR: Final = Tier("hour", 3600, timedelta(days=400), "month", False)
TIERS: Final = (FINEST, FIVE_MINUTES, HOUR)

#: How often a source is read, unless it says otherwise.
TICK_SECONDS: Final = 30
#: Every offset in use is a multiple of a quarter of an hour, and so is every local midnight in UTC.
MIDNIGHT_STEP_SECONDS: Final = 900


def finest_step(age: timedelta) -> int:
    """Seconds between the rows that are still there `age` back: 30 within 7 h, 300 within 4 days, 3600 before that."""
    return next((max(tier.step_seconds, TICK_SECONDS) for tier in TIERS if age <= tier.keep), HOUR.step_seconds)


def tiers_of(tick: datetime, *, zones: Iterable[str] = ()) -> tuple[Tier, ...]:
    """The tiers a row at this tick belongs in: 10:05:00 in two, 10:05:30 in the finest alone."""
    seconds = int(tick.timestamp())
    midnight = seconds % MIDNIGHT_STEP_SECONDS == 0 and any(is_midnight(tick, zone) for zone in zones)
    return tuple(tier for tier in TIERS if tier.step_seconds == 0 or seconds % tier.step_seconds == 0 or midnight)


def tiers_of_stand_in(previous: datetime, tick: datetime) -> tuple[Tier, ...]:
    """The tiers in which the row at `previous` must stand in for a step that lies between it and the next row at `tick`."""
    before, after = int(previous.timestamp()), int(tick.timestamp())
    return tuple(
        tier for tier in TIERS if tier.step_seconds and before // tier.step_seconds < (after - 1) // tier.step_seconds
    )


def survivors(ticks: Sequence[datetime], tier: Tier, *, zones: Iterable[str] = ()) -> list[datetime]:
    """Of rows in order of time, those that a tier keeps."""
    zones = tuple(zones)
    kept: set[datetime] = {tick for tick in ticks if tier in tiers_of(tick, zones=zones)}
    kept.update(before for before, after in pairwise(ticks) if tier in tiers_of_stand_in(before, after))
    return sorted(kept)


def is_midnight(tick: datetime, zone: str) -> bool:
    """Whether a local day begins at this instant: the first instant of a date, which need not be 00:00."""
    local = tick.astimezone(_zone(zone))
    return (tick - timedelta(microseconds=1)).astimezone(_zone(zone)).date() != local.date()


def partition_of(tier: Tier, at: datetime) -> tuple[datetime, datetime]:
    """The bounds of the partition that holds `at`: its hour, day or month in UTC."""
    at = at.astimezone(UTC)
    if tier.partition == "hour":
        start = at.replace(minute=0, second=0, microsecond=0)
        return start, start + timedelta(hours=1)
    start = at.replace(hour=0, minute=0, second=0, microsecond=0)
    if tier.partition == "day":
        return start, start + timedelta(days=1)
    start = start.replace(day=1)
    return start, (start + timedelta(days=32)).replace(day=1)


def partitions_from(tier: Tier, *, start: datetime, end: datetime) -> list[tuple[datetime, datetime]]:
    """All partitions that touch start..end."""
    found = [partition_of(tier, start)]
    while found[-1][1] <= end:
        found.append(partition_of(tier, found[-1][1]))
    return found


def droppable(tier: Tier, *, now: datetime) -> datetime:
    """Partitions that end at or before this are dropped."""
    return partition_of(tier, now - tier.keep)[0]


@lru_cache(maxsize=256)
def _zone(name: str) -> ZoneInfo:
    return ZoneInfo(name)
