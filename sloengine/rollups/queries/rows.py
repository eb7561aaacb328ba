"""Finding the row at or before an instant, in the finest tier that still has it."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final, NamedTuple, Protocol

import numpy as np
from django.db import connection

from observability.core import prepared
from sloengine.collect.increments import Floats
from sloengine.rollups.models import TABLES
from sloengine.rollups.thinning import FINEST, FIVE_MINUTES, HOUR, TIERS, Tier


class Totals(NamedTuple):
    """The totals of a block at `at`: the instant of the row, or where the block began, before which all was 0."""

    at: datetime
    vector: Floats


class Written(Protocol):
    @property
    def block_id(self) -> int: ...
    @property
    def at(self) -> datetime: ...
    @property
    def vector(self) -> bytes: ...


@dataclass(frozen=True, slots=True)
class Reach:
    """One block to look in, with what is known of its rows: the first, and the newest of its source."""

    block_id: int
    began_at: datetime
    last_tick: datetime
    replicas: bool


Wanted = tuple[int, datetime]  # (block id, edge)

#: How far before an edge a row is looked for at first; a longer gap costs a second look without bound.
NEAR: Final = {FINEST: timedelta(minutes=10), FIVE_MINUTES: timedelta(hours=2), HOUR: timedelta(days=2)}
#: Pruning drops whole partitions, so rows live a little longer than their tier says.
SLACK: Final = timedelta(hours=1)
CACHED_ROWS: Final = 6000

_nothing: Final = np.empty(0)
_cache: OrderedDict[tuple[object, int, float], Totals] = OrderedDict()


def totals_at(reaches: Iterable[Reach], instants: Iterable[datetime]) -> dict[Wanted, Totals]:
    """For each block and instant, the row at or before it. Rows are only added later than the newest, so what is found for an
    older instant stays right, and is kept in this process."""
    database = connection.settings_dict["NAME"]
    instants = list(instants)
    found: dict[Wanted, Totals] = {}
    left: dict[Wanted, Reach] = {}
    for reach in reaches:
        for instant in instants:
            edge = min(instant, reach.last_tick)
            if edge < reach.began_at:
                found[reach.block_id, instant] = Totals(reach.began_at, _nothing)
                continue
            key = (database, reach.block_id, edge.timestamp())
            cached = _cache.get(key)
            if cached is None:
                left[reach.block_id, instant] = reach
            else:
                with suppress(KeyError):  # another thread just put it out
                    _cache.move_to_end(key)
                found[reach.block_id, instant] = cached
    for tier, near in looks():
        some = {
            wanted: min(wanted[1], reach.last_tick) for wanted, reach in left.items() if _may_have(tier, reach, wanted)
        }
        if not some:
            continue
        rows = nearest(Look(TABLES[tier], {(block_id, edge) for (block_id, _), edge in some.items()}, near))
        for wanted, edge in some.items():
            row = rows.get((wanted[0], edge))
            if row is not None:
                totals = found[wanted] = Totals(row[0], np.frombuffer(row[1], np.float64))
                del left[wanted]
                _keep((database, wanted[0], edge.timestamp()), totals)
    later = _following(wanted for wanted, reach in left.items() if reach.replicas)
    for wanted, reach in left.items():
        found[wanted] = later.get(wanted, Totals(reach.began_at, _nothing))
    return found


def keep_in_cache(rows: Iterable[Written]) -> None:
    """Rows this process has just committed; whoever evaluates the tick need not read them."""
    database = connection.settings_dict["NAME"]
    for row in rows:
        _keep((database, row.block_id, row.at.timestamp()), Totals(row.at, np.frombuffer(row.vector, np.float64)))


def forget_rows() -> None:
    _cache.clear()


def looks() -> Sequence[tuple[Tier, timedelta | None]]:
    return [*((tier, NEAR[tier]) for tier in TIERS), *((tier, None) for tier in TIERS)]


def _may_have(tier: Tier, reach: Reach, wanted: Wanted) -> bool:
    if reach.replicas and not tier.replicas:
        return False
    return reach.last_tick - wanted[1] <= tier.keep + SLACK or tier is HOUR


class Look(NamedTuple):
    """Where to look for the rows at or before some edges: in one table, not further back than `near`."""

    table: str
    wanted: Iterable[Wanted]
    near: timedelta | None


def nearest(*looks: Look, column: str = "vector") -> dict[Wanted, tuple[datetime, bytes]]:
    """For each block and edge the last row at or before it; all tables in one statement. Instants go as unix seconds and come back
    so, and edges by their place: a chart has hundreds, and a date takes the driver ten times as long as a number."""
    parts: list[str] = []
    asked: list[Any] = []
    pairs: list[Wanted] = []
    for look in looks:
        some = sorted(look.wanted)
        bound = (
            "" if look.near is None else f" AND at > to_timestamp(edge) - interval '{look.near.total_seconds():.0f} s'"
        )
        parts.append(
            f"SELECT {len(pairs)} + place - 1, extract(epoch FROM at)::float8, {column}"  # noqa: S608 - our own names
            " FROM unnest(%s::bigint[], %s::float8[]) WITH ORDINALITY AS asked (block, edge, place),"
            f" LATERAL (SELECT at, {column} FROM {look.table} WHERE block_id = block AND at <= to_timestamp(edge){bound}"
            " ORDER BY at DESC LIMIT 1) AS row"
        )
        asked += [[block for block, _ in some], [edge.timestamp() for _, edge in some]]
        pairs += some
    found = prepared.rows(" UNION ALL ".join(f"({part})" for part in parts), asked)
    return {pairs[place]: (datetime.fromtimestamp(at, UTC), value) for place, at, value in found}


def _following(wanted: Iterable[Wanted]) -> dict[Wanted, Totals]:
    """The rows after these edges: of replicas that were silent for so long that what they had counted before is pruned."""
    pairs = sorted(wanted)
    if not pairs:
        return {}
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT block, edge, at, vector FROM unnest(%s::bigint[], %s::timestamptz[]) AS asked (block, edge),"  # noqa: S608 - our own names
            f" LATERAL (SELECT at, vector FROM {TABLES[FINEST]} WHERE block_id = block AND at > edge"
            " ORDER BY at LIMIT 1) AS row",
            [[block for block, _ in pairs], [edge for _, edge in pairs]],
        )
        return {
            (block, edge): Totals(at, np.frombuffer(vector, np.float64))
            for block, edge, at, vector in cursor.fetchall()
        }


def _keep(key: tuple[object, int, float], totals: Totals) -> None:
    _cache[key] = totals
    if len(_cache) > CACHED_ROWS:
        _cache.popitem(last=False)
