"""What hardware served, from how long replicas were up and where they are placed. Pure.

A replica's hardware is that of the most particular placement that fits it. Time up is counted whole; the share of it at work is the
mean share of time in which the GPUs ran anything, idle is the rest. Without a reading of the GPUs all of it counts as at work, for
idle hardware is then not told apart. Reserved hardware that does not run is idle too.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from fnmatch import fnmatchcase

from sloengine.cost.ledger.joining import Engines, Served
from sloengine.cost.ledger.meters import MS_PER_HOUR, Slice


@dataclass(frozen=True, slots=True)
class Place:
    """`units` GPUs a replica; empty words fit everything, `replicas` is a pattern."""

    hardware: str
    units: Decimal
    effective_from: datetime
    purchase: str = ""
    model: str = ""
    variant: str = ""
    region: str = ""
    replicas: str = ""
    reserved: Decimal = Decimal(0)
    effective_until: datetime | None = None

    def fits(self, where: Slice, replica: str) -> bool:
        return (
            self.model in ("", where.model)
            and self.variant in ("", where.variant)
            and self.region in ("", where.region)
            and (not self.replicas or fnmatchcase(replica, self.replicas))
        )


#: By variant (no hardware yet) and replica; the replica is empty where replicas are not told apart.
ByReplica = Mapping[tuple[Slice, str], Served]
Up = Mapping[tuple[Slice, str], int]


def in_force(places: Sequence[Place], at: datetime) -> list[Place]:
    return [
        one for one in places if one.effective_from <= at and (one.effective_until is None or at < one.effective_until)
    ]


def placed(
    *, served: ByReplica, up_ms: Up, places: Sequence[Place], working: Mapping[str, float], window_ms: int = MS_PER_HOUR
) -> Engines:
    """What each variant served on which hardware, with the hardware's time. `working` is the share of time at work by region.

    Two replicas of two GPUs for an hour at 0.75 are 10,800,000 ms at work and 3,600,000 ms idle.
    """
    found: dict[Slice, Served] = defaultdict(Served)
    ran: dict[Place, int] = defaultdict(int)
    homes: dict[Place, Slice] = {}
    for (where, replica), counts in served.items():
        place = _place(places, where, replica)
        home = _home(where, place)
        found[home] = _plus(found[home], counts)
    for (where, replica), up in up_ms.items():
        place = _place(places, where, replica)
        if place is None:
            continue
        home = _home(where, place)
        time = int(up * place.units)
        busy = min(round(time * working.get(where.region, 1.0)), time)
        found[home] = _plus(found[home], Served(busy_ms=busy, idle_ms=time - busy))
        ran[place] += time
        homes.setdefault(place, home)
    for place in places:
        unused = int(place.reserved * window_ms) - ran[place]
        if unused > 0:
            bare = Slice(model=place.model, variant=place.variant, region=place.region)
            home = homes.get(place, _home(bare, place))
            found[home] = _plus(found[home], Served(idle_ms=unused))
    return found


def _place(places: Sequence[Place], where: Slice, replica: str) -> Place | None:
    return max((one for one in places if one.fits(where, replica)), key=_particular, default=None)


def _particular(one: Place) -> tuple[bool, bool, bool, bool, datetime]:
    return bool(one.replicas), bool(one.variant), bool(one.model), bool(one.region), one.effective_from


def _home(where: Slice, place: Place | None) -> Slice:
    return where if place is None else replace(where, hardware=place.hardware, purchase=place.purchase)


def _plus(one: Served, other: Served) -> Served:
    return Served(*(getattr(one, name) + getattr(other, name) for name in Served.__dataclass_fields__))
