"""Appending rollup rows, and making the partitions they land in."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from django.db import OperationalError, connection, transaction

from observability.core import prepared
from sloengine.collect.increments import Floats
from sloengine.collect.slots import BLOCK_SIZE, Scope
from sloengine.collect.totals import Bytes
from sloengine.rollups.models import PARTITIONED, TABLES
from sloengine.rollups.thinning import Tier, partitions_from

#: Partitions are made this long before their time, so that no tick waits for one.
AHEAD: Final = {"hour": timedelta(hours=1), "day": timedelta(hours=12), "month": timedelta(days=2)}

log = logging.getLogger(__name__)

_made: set[tuple[object, str, datetime]] = set()


class Row(NamedTuple):
    block_id: int
    at: datetime
    vector: bytes
    states: bytes


def rows_of(
    *, at: datetime, blocks: Sequence[tuple[Scope, int]], block_ids: Sequence[int], totals: Floats, states: Bytes
) -> Iterator[tuple[Scope, Row]]:
    """One row a block: the totals of its slots in use. A block whose replicas are all gone gets none: what they counted stands
    in its last row, as long as the finest tier keeps it."""
    for number, ((scope, used), block_id) in enumerate(zip(blocks, block_ids, strict=True)):
        place = slice(number * BLOCK_SIZE, number * BLOCK_SIZE + used)
        if scope is Scope.REPLICA and not states[place].any():
            continue
        yield scope, Row(block_id, at, totals[place].tobytes(), states[place].tobytes())


def append(*, tier: Tier, rows: Sequence[Row]) -> None:
    if not rows:
        return
    prepared.rows(
        f"INSERT INTO {TABLES[tier]} (block_id, at, vector, states)"  # noqa: S608 - our own names
        " SELECT * FROM unnest(%s::bigint[], %s::timestamptz[], %s::bytea[], %s::bytea[])",
        [list(column) for column in zip(*rows, strict=True)],
    )


def copy(*, tier: Tier, rows: Iterable[Row]) -> int:
    """As append, for very many rows; their number."""
    written = 0
    with connection.cursor() as cursor:
        target = f"COPY {TABLES[tier]} (block_id, at, vector, states) FROM STDIN WITH (FORMAT BINARY)"
        with cursor.copy(target) as stream:
            stream.set_types(["int8", "timestamptz", "bytea", "bytea"])
            for row in rows:
                stream.write_row(row)
                written += 1
    return written


def stand_in(*, tier: Tier, finest: Tier, block_ids: Sequence[int], at: datetime) -> None:
    """The row of the finest tier at `at` lives on in a coarser one, for a step that has no row of its own."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO {TABLES[tier]} (block_id, at, vector, states)"  # noqa: S608 - our own names
            f" SELECT block_id, at, vector, states FROM {TABLES[finest]} WHERE block_id = ANY(%s) AND at = %s"
            f" ON CONFLICT DO NOTHING",
            [list(block_ids), at],
        )


def ensure_partitions(*, now: datetime, since: datetime | None = None) -> int:
    """Make the partitions of every tier from `since` (now, if not given) to a little ahead of now; how many were new.

    Called before each collection, so that virtual time has them too; what this process has seen made costs nothing. Where a
    long reader (a dump) keeps the tables locked, none is made now: rows land in the default partition until it is.
    """
    database = connection.settings_dict["NAME"]
    wanted = [
        (table, lowest, highest)
        for table, tier in PARTITIONED
        for lowest, highest in partitions_from(
            tier, start=max(since or now, now - tier.keep), end=now + AHEAD[tier.partition]
        )
        if (database, table, lowest) not in _made
    ]
    if not wanted:
        return 0
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SELECT current_setting('lock_timeout'), set_config('lock_timeout', '2s', true)")
            before, _ = cursor.fetchone()
            cursor.execute(
                "SELECT count(*) FILTER (WHERE tailwatch_create_partition(parent, lowest, highest))"
                " FROM unnest(%s::text[], %s::timestamptz[], %s::timestamptz[]) AS wanted (parent, lowest, highest)",
                [list(column) for column in zip(*wanted, strict=True)],
            )
            new = int(cursor.fetchone()[0])
            cursor.execute("SELECT set_config('lock_timeout', %s, true)", [before])
    except OperationalError as busy:
        log.warning("partitions are made next time: %s", busy)
        return 0
    transaction.on_commit(lambda: _made.update((database, table, lowest) for table, lowest, _ in wanted))
    return new


def forget_partitions() -> None:
    _made.clear()


def drop_partitions(*, table: str, before: datetime) -> int:
    """Drop what ended at or before; how many. OperationalError where readers kept the table locked for 2 s."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT tailwatch_drop_partitions(%s, %s)", [table, before])
        return int(cursor.fetchone()[0])
