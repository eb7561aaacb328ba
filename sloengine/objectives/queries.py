"""What objectives measured, straight from rollup rows: all of them at several instants in one statement."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

import numpy as np
import numpy.typing as npt
from django.db import connection
from django.db.models import Q

from observability.core import prepared
from sloengine.catalog.models import Service
from sloengine.collect.models import Block, MetricSource, Slot
from sloengine.collect.slots import BLOCK_SIZE
from sloengine.collect.totals import State
from sloengine.objectives.models import Objective
from sloengine.objectives.selection import Place, Selection, Want, select, want
from sloengine.rollups.models import TABLES
from sloengine.rollups.queries.rows import Look, Reach, nearest, totals_at
from sloengine.rollups.thinning import FINEST

Vector = npt.NDArray[np.float64]
Totals = npt.NDArray[np.float64]
NUMERATOR, DENOMINATOR, SEEN = 0, 1, 2


@dataclass(frozen=True, slots=True)
class Slots:
    """What was read of slots, and what was selected of them; good until a source gives out new ones. Never changed, but replaced
    by what knows more: selections of services that got no new slot are kept."""

    given: Mapping[int, int]  # source: slots given out, of any scope
    newest: Mapping[int, int]  # source: the last slot read
    blocks: tuple[Block, ...]
    places: Mapping[tuple[int, str], Sequence[Place]]
    services: tuple[Service, ...]
    selections: dict[Want, Selection] = field(default_factory=dict)

    def select(self, wanted: Want) -> Selection:
        if wanted not in self.selections:
            self.selections[wanted] = select(wanted, self.places)
        return self.selections[wanted]


@dataclass(frozen=True, slots=True)
class SlotMap:
    """The slots of service scope of an organisation's sources, as places in one long vector: block by block, 512 each."""

    slots: Slots
    sources: Mapping[int, MetricSource]

    @property
    def blocks(self) -> tuple[Block, ...]:
        return self.slots.blocks

    @property
    def services(self) -> tuple[Service, ...]:
        """The services that have slots, by id."""
        return self.slots.services

    def services_of(self, sources: Collection[int]) -> frozenset[int]:
        """The services of which at least a part is read from these sources."""
        if not sources:
            return frozenset()
        return frozenset(
            service
            for (service, _family), places in self.slots.places.items()
            if any(place.source_id in sources for place in places)
        )

    def reach(self, index: int) -> Reach:
        block = self.blocks[index]
        newest = self.sources[block.source_id].last_tick or block.began_at
        return Reach(block.pk, block.began_at, newest, replicas=False)


_known: dict[tuple[object, int], Slots] = {}


def slot_map(*, organisation_id: int, sources: Sequence[MetricSource]) -> SlotMap:
    """The organisation's slots; kept in the process, and added to when a source gives out new ones."""
    given = {source.pk: source.slot_count for source in sources}
    key = (connection.settings_dict["NAME"], organisation_id)
    known = _known.get(key)
    if known is None or known.given.keys() != given.keys():
        known = Slots({}, {}, (), {}, ())
    if known.given != given:
        known = _known[key] = _with_new(known, given)
    return SlotMap(slots=known, sources={source.pk: source for source in sources})


def forget() -> None:
    """Drop what this process remembers of slots and objectives, for a database that was replaced."""
    _known.clear()
    _objectives.clear()


def _with_new(known: Slots, given: Mapping[int, int]) -> Slots:
    """With the slots given out since. Blocks keep their places, so that columns stay what they are."""
    new = Q(pk__in=())
    for source in given:
        new |= Q(source=source, pk__gt=known.newest.get(source, 0))
    rows = list(Slot.objects.filter(new, scope=Block.Scope.SERVICE).order_by("pk"))
    if known.places and not rows:
        return replace(known, given=given)
    fresh = Block.objects.filter(source__in=given, scope=Block.Scope.SERVICE).exclude(
        pk__in=[block.pk for block in known.blocks]
    )
    blocks = (*known.blocks, *fresh.order_by("pk"))
    index = {block.pk: place for place, block in enumerate(blocks)}
    newest = dict(known.newest)
    added: dict[tuple[int, str], list[Place]] = defaultdict(list)
    for slot in rows:
        column = index[slot.block_id] * BLOCK_SIZE + slot.position
        place = Place(
            column, slot.service_id, slot.source_id, slot.family, slot.part, slot.le, slot.layout, dict(slot.labels)
        )
        added[slot.service_id, slot.family].append(place)
        newest[slot.source_id] = slot.pk
    places = {**known.places, **{signal: (*known.places.get(signal, ()), *more) for signal, more in added.items()}}
    touched = {service for service, _ in added}
    kept = {wanted: one for wanted, one in known.selections.items() if wanted.service_id not in touched}
    services = known.services
    if touched - {service.pk for service in services}:
        services = tuple(Service.objects.filter(pk__in={service for service, _ in places}).order_by("pk"))
    return Slots(dict(given), newest, blocks, places, services, kept)


#: What one counter says against what others behind the same objective say: the first of these that any does.
_LOUDEST = (State.PARTIAL, State.OK, State.ZERO_TRAFFIC, State.NO_DATA)


def last_state(objective: Objective) -> State | None:
    """What the last tick of its sources says of the counters behind an objective, slot by slot: partial where the source said that
    something was missing, no traffic where all stood still, no data where none was read. None for what has no counters (yet)."""
    sources = list(MetricSource.objects.filter(organisation=objective.organisation_id, enabled=True))
    if objective.is_composite or not sources:
        return None
    slots = slot_map(organisation_id=objective.organisation_id, sources=sources)
    chosen = slots.slots.select(want(objective.promise, service_id=objective.service_id))
    columns = {*chosen.plus, *chosen.minus, *chosen.denominator}
    at = {column: slots.reach(column // BLOCK_SIZE) for column in columns}
    rows = nearest(
        Look(TABLES[FINEST], {(one.block_id, one.last_tick) for one in at.values()}, timedelta(seconds=1)),
        column="states",
    )
    found = set()
    for column, reach in at.items():
        _, states = rows.get((reach.block_id, reach.last_tick), (None, b""))
        place = column % BLOCK_SIZE
        found.add(State(states[place]) if place < len(states) else State.NO_DATA)
    return next((state for state in _LOUDEST if state in found), None)


@dataclass(frozen=True, slots=True)
class Readings:
    """Totals since the beginning: `values[edge, want]` is numerator, denominator and readings that held the signal."""

    edges: tuple[datetime, ...]
    values: Totals
    selections: tuple[Selection, ...]


def read(*, wants: Sequence[Want], slots: SlotMap, edges: Iterable[datetime]) -> Readings:
    """The totals of each want at each instant, from the last rollup row at or before it."""
    return Reader(wants=wants, slots=slots.slots).read(slots, edges=edges)


class Reader:
    """What wants select of the slots, laid out so that any number of them is read in a few passes of arrays."""

    def __init__(
        self, *, slots: Slots, wants: Sequence[Want] = (), selections: Sequence[Selection] | None = None
    ) -> None:
        """`selections` where they are not those of wants."""
        self.wants, self.slots = wants, slots
        self.selections = tuple(slots.select(one) for one in wants) if selections is None else tuple(selections)
        self._plus = _index(one.plus for one in self.selections)
        self._minus = _index(one.minus for one in self.selections)
        self._denominator = _index(one.denominator for one in self.selections)
        self._ticks = _index(one.ticks for one in self.selections)
        columns = (self._plus[0], self._minus[0], self._denominator[0], self._ticks[0])
        self._blocks = [int(block) for block in np.unique(np.concatenate(columns) // BLOCK_SIZE)]

    def read(self, slots: SlotMap, *, edges: Iterable[datetime]) -> Readings:
        ordered = tuple(sorted(set(edges)))
        vectors = (_few if len(ordered) <= FEW_EDGES else _many)(slots, self._blocks, ordered)
        values = np.zeros((len(ordered), len(self.selections), 3))
        line = np.zeros(len(self.slots.blocks) * BLOCK_SIZE)
        for edge in range(len(ordered)):
            for block in self._blocks:
                # A block without a row at or before an edge reads 0 there, as does a slot born later.
                vector = vectors[block][edge]
                begin = block * BLOCK_SIZE
                line[begin : begin + len(vector)] = vector
                line[begin + len(vector) : begin + BLOCK_SIZE] = 0.0
            values[edge, :, NUMERATOR] = self._sums(line, self._plus) - self._sums(line, self._minus)
            values[edge, :, DENOMINATOR] = self._sums(line, self._denominator)
            np.maximum.at(values[edge, :, SEEN], self._ticks[1], line[self._ticks[0]])
        return Readings(edges=ordered, values=values, selections=self.selections)

    def _sums(self, line: Vector, index: _Index) -> Vector:
        columns, owners = index
        if not len(columns):
            return np.zeros(len(self.selections))
        sums: Vector = np.bincount(owners, weights=line[columns], minlength=len(self.selections)).astype(np.float64)
        return sums


_Index = tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]  # columns, and whose each is


def _index(groups: Iterable[tuple[int, ...]]) -> _Index:
    every = list(groups)
    columns = np.fromiter((column for group in every for column in group), np.intp)
    return columns, np.repeat(np.arange(len(every)), [len(group) for group in every])


#: Up to so many edges are looked up one by one (the newest is in this process already); more are read as a range of each tier.
FEW_EDGES = 8

_RANGE = "SELECT block_id, at, vector FROM {table} WHERE block_id = ANY(%s) AND at >= %s AND at <= %s"


def _few(slots: SlotMap, used: Sequence[int], edges: Sequence[datetime]) -> dict[int, list[Vector]]:
    reaches = {index: slots.reach(index) for index in used}
    found = totals_at(reaches.values(), edges)
    return {index: [found[reach.block_id, edge].vector for edge in edges] for index, reach in reaches.items()}


def _many(slots: SlotMap, used: Sequence[int], edges: Sequence[datetime]) -> dict[int, list[Vector]]:
    """Every row of the range, of whichever tier has it; the first edge is looked up, since its row may lie before it."""
    began = edges[0].timestamp()
    rows: dict[int, dict[float, Vector]] = {
        index: {began: found[0]} for index, found in _few(slots, used, edges[:1]).items()
    }
    index_of = {slots.blocks[index].pk: index for index in used}
    with connection.cursor() as cursor:
        for table in TABLES.values():
            cursor.execute(_RANGE.format(table=table), [list(index_of), edges[0], edges[-1]])
            for block, at, vector in cursor.fetchall():
                rows[index_of[block]][at.timestamp()] = np.frombuffer(vector, dtype=np.float64)
    found = {}
    for index, by_time in rows.items():
        times = sorted(by_time)
        at_or_before = np.searchsorted(times, [edge.timestamp() for edge in edges], side="right") - 1
        found[index] = [by_time[times[place]] for place in at_or_before]
    return found


#: As SQL: it is asked at every tick, and compiling it took ten times as long as the answer.
_VERSION = "SELECT count(*), max(id), max(changed_at) FROM sloengine_objective WHERE enabled AND organisation_id = %s"
_objectives: dict[tuple[object, int], tuple[object, list[Objective]]] = {}


def enabled_objectives(*, organisation_id: int) -> list[Objective]:
    """The enabled objectives with their services; read again when one was applied, switched off or removed."""
    version = prepared.rows(_VERSION, [organisation_id])
    key = (connection.settings_dict["NAME"], organisation_id)
    if key not in _objectives or _objectives[key][0] != version:
        rows = Objective.objects.enabled().filter(organisation=organisation_id)
        _objectives[key] = version, list(rows.select_related("service").order_by("pk"))
    return _objectives[key][1]
