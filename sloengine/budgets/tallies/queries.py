"""The sums of objectives at given instants: the last row at or before each, for all of them in a statement or two."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import numpy as np
import numpy.typing as npt
from django.db import connection

from sloengine.budgets.models import TallyPlace
from sloengine.budgets.tallies import sums
from sloengine.budgets.tallies.sums import COLUMNS, COVERED, DENOMINATOR, GOOD, NUMERATOR, READINGS, TOTAL, Sums
from sloengine.rollups.models import TALLY_TABLES
from sloengine.rollups.queries.rows import NEAR, Look, Wanted, looks, nearest
from sloengine.rollups.thinning import HOUR, TIERS, Tier

Row = npt.NDArray[np.float64]  # seven numbers
Rows = npt.NDArray[np.float64]  # instants x seven numbers
SEEN_AT = sums.SEEN

__all__ = ["COVERED", "DENOMINATOR", "GOOD", "NUMERATOR", "READINGS", "SEEN_AT", "TOTAL", "Places", "TallyTable", "at"]


@dataclass(frozen=True, slots=True)
class TallyTable:
    """`values[objective, edge]` holds numerator, denominator, good, total, covered seconds and readings since the beginning, and when
    the signal was last seen (unix seconds, NaN for never).

    `ticks` is the instant of the row that answered, NaN where the objective has none. An edge before the first row is
    answered by the first row: the window is then what exists.
    """

    values: npt.NDArray[np.float64]
    ticks: npt.NDArray[np.float64]  # unix seconds, NaN for none


@dataclass(frozen=True, slots=True)
class Kept:
    """A block of sums: its rows are good up to `newest`, after which more may come."""

    pk: int
    version: int
    newest: datetime | None


@dataclass(frozen=True, slots=True, eq=False)
class Places:
    """Where the sums of some objectives are, in their order; `block` is -1 for one that has none yet."""

    blocks: tuple[Kept, ...]
    block: npt.NDArray[np.intp]
    position: npt.NDArray[np.intp]
    began: npt.NDArray[np.float64]  # unix seconds
    base: Sums


def at(*, objectives: Sequence[int], edges: Sequence[datetime]) -> TallyTable:
    """The totals of each objective at each edge."""
    return table(places_of(objectives), edges) if objectives and edges else _empty(len(objectives), len(edges))


def began_at(objectives: Iterable[int]) -> datetime | None:
    """The first instant from which any of these objectives has sums."""
    return min(
        TallyPlace.objects.filter(objective__in=list(objectives)).values_list("began_at", flat=True), default=None
    )


def newest_at(objective: int) -> datetime | None:
    """The last tick at which an objective was counted."""
    placed = TallyPlace.objects.filter(objective=objective, objective__enabled=True)
    return placed.values_list("block__organisation__evaluation_cursor__tick", flat=True).first()


_PLACES = """
SELECT o.place, p.block_id, b.version, c.tick, p.position, extract(epoch FROM p.began_at)::float8, p.base
FROM unnest(%s::bigint[]) WITH ORDINALITY AS o(id, place)
JOIN sloengine_tallyplace p ON p.objective_id = o.id
JOIN sloengine_tallyblock b ON b.id = p.block_id
LEFT JOIN sloengine_evaluationcursor c ON c.organisation_id = b.organisation_id
"""


def places_of(objectives: Sequence[int]) -> Places:
    """Where these objectives are, one statement."""
    count = len(objectives)
    block, position = np.full(count, -1, np.intp), np.zeros(count, np.intp)
    began, base = np.full(count, np.nan), np.zeros((COLUMNS, count))
    blocks: dict[Kept, int] = {}
    with connection.cursor() as cursor:
        cursor.execute(_PLACES, [list(objectives)])
        for place, pk, version, tick, of_block, since, first in cursor.fetchall():
            block[place - 1] = blocks.setdefault(Kept(pk, version, tick), len(blocks))
            position[place - 1], began[place - 1] = of_block, since
            base[:, place - 1] = np.frombuffer(first, np.float64)
    return Places(tuple(blocks), block, position, began, base)


def table(places: Places, edges: Sequence[datetime]) -> TallyTable:
    """The sums of placed objectives at each edge."""
    found = _empty(len(places.block), len(edges))
    members_of = [np.flatnonzero(places.block == number) for number in range(len(places.blocks))]
    rows = rows_at(
        {
            (kept.pk, edge): kept
            for kept, members in zip(places.blocks, members_of, strict=True)
            for edge in edges
            if len(members) and edge.timestamp() >= places.began[members].min()
        }
    )
    for kept, members in zip(places.blocks, members_of, strict=True):
        if not len(members):
            continue
        positions, began = places.position[members], places.began[members]
        # Many edges of a chart have one row; each is read once. The first of them stands for none: what was at the beginning.
        instants, values = [-np.inf], [places.base[:, members]]
        inside = [np.zeros(len(members), np.bool_)]
        number: dict[datetime | None, int] = {None: 0}
        of_edge = np.zeros(len(edges), np.intp)
        for index, edge in enumerate(edges):
            row = rows.get((kept.pk, edge))
            if row is None:
                continue
            if row[0] not in number:
                number[row[0]] = len(instants)
                instants.append(row[0].timestamp())
                inside.append((positions < sums.width(row[1])) & (began <= instants[-1]))
                values.append(sums.read_at(row[1], np.where(inside[-1], positions, 0)))
            of_edge[index] = number[row[0]]
        held = np.array(inside)
        read = np.where(held[:, None, :], np.array(values), values[0])  # rows x sums x members
        found.values[members] = read.transpose(2, 0, 1)[:, of_edge]
        found.ticks[members] = np.where(held, np.array(instants)[:, None], began).T[:, of_edge]
    return found


def rows_at(wanted: Mapping[Wanted, Kept]) -> dict[Wanted, tuple[datetime, bytes]]:
    """The row of each block at or before each edge; none where it has none so early."""
    database = connection.settings_dict["NAME"]
    found: dict[Wanted, tuple[datetime, bytes]] = {}
    left: dict[Wanted, tuple[Kept, list[Wanted]]] = {}  # by the edge that is looked for: none lies after the newest row
    for one, kept in wanted.items():
        edge = min(one[1], kept.newest or one[1])
        cached = _cache.get((database, kept.pk, kept.version, edge.timestamp()))
        if cached is not None:
            found[one] = cached
        else:
            left.setdefault((kept.pk, edge), (kept, []))[1].append(one)
    # Nearly always each edge has its row where the finest tier is that still keeps it: one statement for all of them.
    likely = [
        Look(TALLY_TABLES[tier], some, NEAR[tier])
        for tier in TIERS
        if (some := [(block, edge) for (block, edge), (kept, _) in left.items() if _finest(kept, edge) is tier])
    ]
    for these in (likely, *([Look(TALLY_TABLES[tier], left, near)] for tier, near in looks())):
        if not left:
            break
        for place, row in nearest(*(look._replace(wanted=list(look.wanted)) for look in these), column="sums").items():
            kept, asked = left.pop(place)
            found.update(dict.fromkeys(asked, row))
            if kept.newest is not None:
                _keep((database, kept.pk, kept.version, place[1].timestamp()), row)
    return found


def _finest(kept: Kept, edge: datetime) -> Tier:
    """The finest tier that has rows of so long ago."""
    age = (kept.newest or edge) - edge
    return next((tier for tier in TIERS if age <= tier.keep), HOUR)


#: Rows this process has read or written, as they are stored: evaluation reads the same edges tick after tick. In bytes.
CACHED_BYTES: Final = 24 * 2**20
_Key = tuple[object, int, int, float]  # database, block, its version, edge
_cache: OrderedDict[_Key, tuple[datetime, bytes]] = OrderedDict()
_size = 0


def remember(blocks: Mapping[int, int], rows: Iterable[tuple[int, datetime, bytes]]) -> None:
    """Rows this process has just committed, of blocks with these versions: whoever reads a window need not fetch them."""
    database = connection.settings_dict["NAME"]
    for block, instant, row in rows:
        _keep((database, block, blocks[block], instant.timestamp()), (instant, row))


def forget() -> None:
    global _size
    _cache.clear()
    _size = 0


def _keep(key: _Key, row: tuple[datetime, bytes]) -> None:
    global _size
    if key not in _cache:
        _size += len(row[1])
    _cache[key] = row
    while _size > CACHED_BYTES:
        with suppress(KeyError):  # another thread just put it out
            _size -= len(_cache.popitem(last=False)[1][1])


def _empty(objectives: int, edges: int) -> TallyTable:
    return TallyTable(np.zeros((objectives, edges, COLUMNS)), np.full((objectives, edges), np.nan))
