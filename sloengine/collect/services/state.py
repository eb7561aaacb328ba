"""What a source counted so far: its last readings, its slots and their totals. Kept in rows; a copy stays in the process.

The copy is good as long as its last tick is the row's: another process that collected meanwhile, or a transaction that was
rolled back, makes it stale, and it is read again.
"""

from __future__ import annotations

import zlib
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime

import numpy as np
import orjson
from django.db import connection, transaction

from observability.core import prepared
from probes.exposition import Series
from sloengine.catalog.discovery import Found, Sightings
from sloengine.catalog.models import Service
from sloengine.collect.increments import Floats, Readings, Register, restore
from sloengine.collect.models import Block, KeptReading, MetricSource
from sloengine.collect.slots import BLOCK_SIZE, Part, Scope, SlotKey, allocate
from sloengine.collect.totals import Plan, SlotMap, extended
from sloengine.collect.wiring import Wiring
from sloengine.rollups.models import TABLES
from sloengine.rollups.thinning import TIERS


@dataclass(frozen=True, slots=True, eq=False)
class SourceState:
    last_tick: datetime | None = None
    readings: Readings = field(default_factory=Readings)
    slots: SlotMap = field(default_factory=SlotMap)
    block_ids: tuple[int, ...] = ()
    #: Slots given out so far, and those of replicas that nothing feeds: since when (unix seconds).
    given: int = 0
    idle: Mapping[int, float] = field(default_factory=dict)
    totals: Floats = field(default_factory=lambda: np.empty(0))
    #: What the series of the readings' register feed and say; made anew for another register.
    wiring: Wiring | None = None
    sightings: Sightings | None = None
    plan: Plan | None = None
    #: What the last reading named; None after a start, when nobody knows.
    found: Found | None = None
    #: The register, and how many of its counters were written as the list of series.
    written: tuple[Register, int] | None = None


_states: dict[tuple[object, int], SourceState] = {}


def recall(source: MetricSource) -> SourceState:
    """The state of a source whose row this transaction has locked."""
    state = _states.get(_key(source))
    if state is None or state.last_tick != source.last_tick:
        state = _load(source)
    return state


def remember(source: MetricSource, state: SourceState) -> None:
    _states[_key(source)] = state


@contextmanager
def committed(source: MetricSource) -> Iterator[None]:
    """A transaction about one source. What it remembered goes with it where it is lost, were it in the commit itself:
    another process may count the same tick, and then this copy would pass for good."""
    try:
        with transaction.atomic():
            yield
    except BaseException:
        _states.pop(_key(source), None)
        raise


def forget_states() -> None:
    _states.clear()


def with_slots(source: MetricSource, state: SourceState, *, keys: Collection[SlotKey], at: datetime) -> SourceState:
    """The state once each of these new keys has a slot; their services are in the catalog."""
    numbers, blocks = allocate(keys, blocks=state.slots.blocks)
    block_ids = list(state.block_ids)
    if len(blocks) > len(block_ids):
        new = [
            Block(source=source, number=number, scope=scope.value, began_at=at)
            for number, (scope, _) in enumerate(blocks)
            if number >= len(block_ids)
        ]
        block_ids += [block.pk for block in Block.objects.bulk_create(new)]
    _give(source, numbers, block_ids)
    return replace(
        state,
        slots=extended(state.slots, numbers, blocks),
        block_ids=tuple(block_ids),
        given=state.given + len(numbers),
    )


def with_slots_again(source: MetricSource, state: SourceState, *, numbers: Mapping[SlotKey, int]) -> SourceState:
    """The state once these new keys have slots of replicas that are gone. What those had counted stands below what is counted now:
    a window is a difference, and no row is left of the time when they still grew."""
    if not numbers:
        return state
    again = set(numbers.values())
    stay = {key: number for key, number in state.slots.numbers.items() if number not in again}
    with connection.cursor() as cursor:
        cursor.execute(
            "DELETE FROM sloengine_slot USING unnest(%s::bigint[], %s::int[]) AS gone (block, place)"
            " WHERE block_id = block AND position = place",
            [[state.block_ids[one // BLOCK_SIZE] for one in again], [one % BLOCK_SIZE for one in again]],
        )
    _give(source, numbers, state.block_ids)
    return replace(
        state,
        slots=replace(state.slots, numbers={**stay, **numbers}),
        given=state.given + len(numbers),
        idle={number: since for number, since in state.idle.items() if number not in again},
    )


def note_idle(state: SourceState, *, at: datetime) -> SourceState:
    """Since when slots of replicas have been fed by nothing; looked at hourly."""
    if state.plan is None:
        return state
    fed = state.plan.fed
    still = {
        block * BLOCK_SIZE + place
        for block, (scope, used) in enumerate(state.slots.blocks)
        if scope is Scope.REPLICA
        for place in np.flatnonzero(~fed[block * BLOCK_SIZE : block * BLOCK_SIZE + used]).tolist()
    }
    begun, ended = still - state.idle.keys(), state.idle.keys() - still
    for numbers, since in ((begun, at), (ended, None)):
        if numbers:
            with connection.cursor() as cursor:
                cursor.execute(
                    "UPDATE sloengine_slot SET idle_since = %s FROM unnest(%s::bigint[], %s::int[]) AS moved (block, place)"
                    " WHERE block_id = block AND position = place",
                    [
                        since,
                        [state.block_ids[one // BLOCK_SIZE] for one in numbers],
                        [one % BLOCK_SIZE for one in numbers],
                    ],
                )
    idle = {number: since for number, since in state.idle.items() if number in still}
    return replace(state, idle={**idle, **dict.fromkeys(begun, at.timestamp())})


#: One statement with one document: a fleet's first page brings thousands of slots, and arrays, not to speak of model objects, take
#: their time for each.
_INSERT_SLOTS = """
INSERT INTO sloengine_slot
    (source_id, block_id, position, service_id, scope, family, part, le, layout, labels, digest)
SELECT %s, block, place, service, scope, family, part, le, layout, labels, digest
FROM ROWS FROM (
    json_to_recordset(%s::json) AS (block bigint, place smallint, service bigint, scope text, family text, part text, le text,
                                    layout text, labels jsonb, digest text)
) WITH ORDINALITY AS given (block, place, service, scope, family, part, le, layout, labels, digest, number)
ORDER BY number
"""


def _give(source: MetricSource, numbers: Mapping[SlotKey, int], block_ids: Sequence[int]) -> None:
    slugs = {key.service for key in numbers}
    services = dict(
        Service.objects.filter(organisation=source.organisation_id, slug__in=slugs).values_list("slug", "pk")
    )
    rows = [
        {
            "block": block_ids[number // BLOCK_SIZE],
            "place": number % BLOCK_SIZE,
            "service": services[key.service],
            "scope": key.scope.value,
            "family": key.family,
            "part": key.part.value,
            "le": key.le,
            "layout": key.layout,
            "labels": key.labels,
            "digest": key.digest,
        }
        for key, number in numbers.items()
    ]
    prepared.rows(_INSERT_SLOTS, [source.pk, orjson.dumps(rows).decode()])


_KEEP = """
UPDATE sloengine_keptreading SET at = %(at)s, "values" = %(values)s, starts = %(starts)s, seen = %(seen)s
WHERE source_id = %(source)s
"""


def write_readings(source: MetricSource, readings: Readings, *, at: datetime, series_changed: bool) -> None:
    arrays = {
        "at": at,
        "values": readings.values.tobytes(),
        # Nearly the same number over and over: a thousandth of the size, and of the statement's.
        "starts": zlib.compress(readings.starts.tobytes(), 1),
        "seen": zlib.compress(readings.seen.tobytes(), 1),
    }
    if not series_changed:
        prepared.rows(_KEEP, {**arrays, "source": source.pk})
        return
    packed = zlib.compress(orjson.dumps([[one.name, one.labels] for one in readings.series]), 1)
    KeptReading.objects.update_or_create(source=source, defaults={**arrays, "series": packed})


def _load(source: MetricSource) -> SourceState:
    blocks = list(source.blocks.order_by("number"))
    numbers: dict[SlotKey, int] = {}
    used = [0] * len(blocks)
    idle: dict[int, float] = {}
    number_of_block = {block.pk: block.number for block in blocks}
    for slot in source.slots.order_by("id").iterator(chunk_size=5000):
        labels = tuple((name, value) for name, value in slot.labels)
        key = SlotKey(Scope(slot.scope), slot.family, Part(slot.part), labels, slot.le, slot.layout)
        block = number_of_block[slot.block_id]
        numbers[key] = block * BLOCK_SIZE + slot.position
        used[block] = max(used[block], slot.position + 1)
        if slot.idle_since is not None:
            idle[numbers[key]] = slot.idle_since.timestamp()
    slots = SlotMap(numbers, tuple((Scope(block.scope), used[block.number]) for block in blocks))
    readings = _load_readings(source)
    return SourceState(
        last_tick=source.last_tick,
        readings=readings,
        slots=slots,
        block_ids=tuple(block.pk for block in blocks),
        given=source.slot_count,
        idle=idle,
        totals=_load_totals(source, blocks, slots.size),
        written=(readings.register, len(readings.values)) if readings.at is not None else None,
    )


def _load_readings(source: MetricSource) -> Readings:
    kept = KeptReading.objects.filter(pk=source.pk).first()
    if kept is None:
        return Readings()
    series = [
        Series(name, tuple((label, value) for label, value in labels))
        for name, labels in orjson.loads(zlib.decompress(kept.series))
    ]
    values = np.frombuffer(bytes(kept.values), np.float64)
    starts, seen = (np.frombuffer(zlib.decompress(each), np.float64) for each in (kept.starts, kept.seen))
    return restore(at=kept.at.timestamp(), series=series, values=values, starts=starts, seen=seen)


def _load_totals(source: MetricSource, blocks: list[Block], size: int) -> Floats:
    """The vectors at the last tick, which every block has in the finest tier; should it be gone, the newest anywhere."""
    totals = np.zeros(size)
    left = {block.pk: block.number for block in blocks}
    for tier in TIERS:
        if not left or source.last_tick is None:
            break
        with connection.cursor() as cursor:
            cursor.execute(
                f"SELECT DISTINCT ON (block_id) block_id, vector FROM {TABLES[tier]}"  # noqa: S608 - our own names
                " WHERE block_id = ANY(%s) AND at <= %s ORDER BY block_id, at DESC",
                [list(left), source.last_tick],
            )
            for block_id, vector in cursor.fetchall():
                values = np.frombuffer(vector, np.float64)
                begin = left.pop(block_id) * BLOCK_SIZE
                totals[begin : begin + len(values)] = values
    return totals


def _key(source: MetricSource) -> tuple[object, int]:
    return connection.settings_dict["NAME"], source.pk
