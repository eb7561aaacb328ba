"""Places in rows: new objectives get one, and their past is written into the rows that are there."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import numpy as np
from django.db import connection
from django.db.models import F

from observability.core import prepared
from sloengine.budgets import slices
from sloengine.budgets.models import TallyBlock, TallyPlace
from sloengine.budgets.tallies import queries, sums
from sloengine.budgets.tallies.queries import Places
from sloengine.budgets.tallies.sums import BLOCK_SIZE, COLUMNS, Positions, Rules, Sums
from sloengine.collect.services.ticks import zones_in_use
from sloengine.objectives.models import Objective
from sloengine.objectives.queries import DENOMINATOR, NUMERATOR, SEEN, SlotMap, read
from sloengine.objectives.selection import want
from sloengine.rollups.models import TALLY_TABLES
from sloengine.rollups.services.rows import ensure_partitions
from sloengine.rollups.thinning import MIDNIGHT_STEP_SECONDS, Tier, tiers_of

#: Budgets look back their window; history beyond it is not counted for a new objective.
MARGIN: Final = timedelta(hours=1)
ROWS_AT_ONCE: Final = 500

Row = tuple[int, datetime, bytes]  # block, tick, sums


@dataclass(frozen=True, slots=True, eq=False)
class Found:
    """The places of an organisation: of all that have one, and of the enabled objectives, in their order."""

    all: Places
    enabled: Places
    of_enabled: Positions  #: where each enabled objective is among all


def ensure(*, organisation_id: int, objectives: Sequence[Objective], slots: SlotMap, until: datetime) -> Found:
    """The places, once each of these objectives has one, and its past up to `until`."""
    placed = TallyPlace.objects.filter(block__organisation=organisation_id)
    known = list(placed.order_by("pk").values_list("pk", flat=True))
    have = set(known)
    new = [one for one in objectives if one.pk not in have]
    if new:
        _place(organisation_id, new, slots, until)
        known = list(placed.order_by("pk").values_list("pk", flat=True))
    every = queries.places_of(known)
    where = {pk: index for index, pk in enumerate(known)}
    chosen = np.array([where[one.pk] for one in objectives], np.intp)
    enabled = Places(
        every.blocks, every.block[chosen], every.position[chosen], every.began[chosen], every.base[:, chosen]
    )
    return Found(every, enabled, chosen)


def rules_of(objectives: Sequence[Objective]) -> Rules:
    return Rules(
        np.array([one.slice_seconds if one.is_timeslices else 0 for one in objectives], np.int64),
        np.array([np.nan if one.slice_target is None else one.slice_target for one in objectives]),
    )


def zones(at: datetime) -> Collection[str]:
    """The zones in use, where a local midnight may be."""
    return zones_in_use() if int(at.timestamp()) % MIDNIGHT_STEP_SECONDS == 0 else ()


def append(rows: Sequence[Row], *, tiers: Iterable[Tier]) -> None:
    """Add a tick's rows to these tiers; a repeat changes nothing."""
    if not rows:
        return
    for tier in tiers:
        prepared.rows(
            f"INSERT INTO {TALLY_TABLES[tier]} (block_id, at, sums)"  # noqa: S608 - our own names
            " SELECT * FROM unnest(%s::bigint[], %s::timestamptz[], %s::bytea[]) ON CONFLICT DO NOTHING",
            [list(column) for column in zip(*rows, strict=True)],
        )


def _place(organisation_id: int, objectives: Sequence[Objective], slots: SlotMap, until: datetime) -> None:
    """A place for each, in blocks with room first; as many of a block as there are are counted at once."""
    began = min((block.began_at for block in slots.blocks), default=until)
    left = list(objectives)
    blocks = list(TallyBlock.objects.filter(organisation=organisation_id).order_by("number"))
    taken: dict[int, set[int]] = defaultdict(set)
    for block_id, position in TallyPlace.objects.filter(block__in=blocks).values_list("block_id", "position"):
        taken[block_id].add(position)
    number = 0
    while left:
        fresh = number >= len(blocks)
        block = TallyBlock.objects.create(organisation_id=organisation_id, number=number) if fresh else blocks[number]
        number += 1
        free = [position for position in range(BLOCK_SIZE) if position not in taken[block.pk]][: len(left)]
        if not free:
            continue
        chosen, left = left[: len(free)], left[len(free) :]
        start = min(until, max(began - slices.FINE_STEP, until - max(one.window for one in chosen) - MARGIN))
        _count(block, np.array(free, np.intp), chosen, slots, start=start, until=until, fresh=fresh)


def _count(
    block: TallyBlock,
    positions: Positions,
    objectives: Sequence[Objective],
    slots: SlotMap,
    *,
    start: datetime,
    until: datetime,
    fresh: bool,
) -> None:
    """The past of these objectives, from `start` on."""
    ensure_partitions(now=until, since=start)
    steps = [start, *slices.ticks_between(start=start, end=until, now=until)]
    wants = [want(one.promise, service_id=one.service_id) for one in objectives]
    values = read(wants=wants, slots=slots, edges=steps).values
    rules = rules_of(objectives)
    first = sums.began(
        numerator=values[0, :, NUMERATOR],
        denominator=values[0, :, DENOMINATOR],
        readings=values[0, :, SEEN],
        rules=rules,
    )
    TallyPlace.objects.bulk_create(
        [
            TallyPlace(
                objective=one, block=block, position=int(position), began_at=start, base=first[:, index].tobytes()
            )
            for index, (one, position) in enumerate(zip(objectives, positions, strict=True))
        ]
    )

    def history() -> Iterator[tuple[datetime, Sums]]:
        now = boundary = first
        for before, at, read_now in zip(steps[:-1], steps[1:], values[1:], strict=True):
            now, boundary = sums.advance(
                now,
                boundary,
                before=before.timestamp(),
                at=at.timestamp(),
                numerator=read_now[:, NUMERATOR],
                denominator=read_now[:, DENOMINATOR],
                readings=read_now[:, SEEN],
                rules=rules,
            )
            yield at, now

    if fresh:
        _write_new(block, positions, history(), until)
    else:
        _write_into(block, positions, first, history(), start, until)
        TallyBlock.objects.filter(pk=block.pk).update(version=F("version") + 1)


def _tiers(at: datetime, until: datetime, known: Collection[str]) -> list[Tier]:
    return [tier for tier in tiers_of(at, zones=known) if until - at <= tier.keep]


def _write_new(
    block: TallyBlock, positions: Positions, history: Iterable[tuple[datetime, Sums]], until: datetime
) -> None:
    """The rows of a block that had none, copied in."""
    known = zones_in_use()
    rows: dict[Tier, list[Row]] = defaultdict(list)
    for at, now in history:
        whole = np.zeros((COLUMNS, int(positions[-1]) + 1))
        whole[:, positions] = now
        row = (block.pk, at, sums.written(whole))
        for tier in _tiers(at, until, known):
            rows[tier].append(row)
    for tier, some in rows.items():
        target = f"COPY {TALLY_TABLES[tier]} (block_id, at, sums) FROM STDIN WITH (FORMAT BINARY)"
        with connection.cursor() as cursor, cursor.copy(target) as stream:
            stream.set_types(["int8", "timestamptz", "bytea"])
            for row in some:
                stream.write_row(row)


def _write_into(
    block: TallyBlock,
    positions: Positions,
    first: Sums,
    history: Iterable[tuple[datetime, Sums]],
    start: datetime,
    until: datetime,
) -> None:
    """The past of new members in the rows of a block that has some; a tick it has no row at gets one."""
    known = zones_in_use()
    there: dict[datetime, dict[Tier, bytes]] = defaultdict(dict)
    for tier, table in TALLY_TABLES.items():
        with connection.cursor() as cursor:
            cursor.execute(
                f"SELECT at, sums FROM {table} WHERE block_id = %s AND at >= %s AND at <= %s",  # noqa: S608 - our own names
                [block.pk, start, until],
            )
            for at, row in cursor.fetchall():
                there[at][tier] = row
    told = dict(history)
    changed: dict[Tier, list[tuple[datetime, bytes]]] = defaultdict(list)
    now, width = first, int(positions[-1]) + 1
    others = np.zeros((COLUMNS, 0))
    for at in sorted({*there, *told}):
        now = told.get(at, now)
        rows = there.get(at, {})
        if rows:
            others = sums.read(next(iter(rows.values())))
        whole = np.zeros((COLUMNS, max(width, others.shape[1])))
        whole[:, : others.shape[1]] = others
        whole[:, positions] = now
        row = sums.written(whole)
        for tier in {*rows, *(_tiers(at, until, known) if at in told else ())}:
            changed[tier].append((at, row))
    for tier, some in changed.items():
        for begin in range(0, len(some), ROWS_AT_ONCE):
            part = some[begin : begin + ROWS_AT_ONCE]
            with connection.cursor() as cursor:
                cursor.execute(
                    f"INSERT INTO {TALLY_TABLES[tier]} (block_id, at, sums)"  # noqa: S608 - our own names
                    " SELECT %s, * FROM unnest(%s::timestamptz[], %s::bytea[])"
                    " ON CONFLICT (block_id, at) DO UPDATE SET sums = EXCLUDED.sums",
                    [block.pk, [at for at, _ in part], [row for _, row in part]],
                )
