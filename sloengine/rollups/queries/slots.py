"""Which slots of which sources hold a family of a service."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.db import connection

from sloengine.catalog.models import Service
from sloengine.collect.models import Block, MetricSource, Slot
from sloengine.collect.slots import Part, Scope
from sloengine.rollups.queries.rows import Reach


@dataclass(frozen=True, slots=True)
class Head:
    """What of a source may have moved since it was last looked at."""

    source_id: int
    last_tick: datetime
    slot_count: int
    late_after: timedelta  #: two ticks missed, on top of what the source is always behind
    watches: bool = True  #: reads the service itself; a pushed KPI is no sign of its life


@dataclass(frozen=True, slots=True)
class Place:
    """One slot, for a reader."""

    block_id: int
    position: int
    part: Part
    le: str
    layout: str
    labels: dict[str, str]


@dataclass(frozen=True, slots=True)
class _Known:
    """The slots of one source as this process has read them. Never changed, but replaced by what knows more: the threads of a
    web process read it at any moment."""

    given: int = 0
    newest: int = 0
    blocks: dict[int, Block] = field(default_factory=dict)
    places: dict[tuple[int, str, Scope], tuple[Place, ...]] = field(default_factory=dict)


_known: dict[tuple[object, int], _Known] = {}
_snapshot: ContextVar[dict[int, list[Head]] | None] = ContextVar("rollup_snapshot", default=None)


@contextmanager
def snapshot() -> Iterator[None]:
    """Within this block all windows end at the same newest tick, which is looked up once for each organisation.

    A block within another is part of it.
    """
    if _snapshot.get() is not None:
        yield
        return
    token = _snapshot.set({})
    try:
        yield
    finally:
        _snapshot.reset(token)


def newest(*, service: Service) -> datetime | None:
    """The last tick of any source that has read this service; None before the first."""
    return max((head.last_tick for head in _mine(service)), default=None)


def silent_for(*, service: Service, now: datetime) -> timedelta | None:
    """How long nothing was read of a service, once every source of it has missed two ticks; None while one is in time."""
    mine = _mine(service)
    if not mine or any(now - head.last_tick <= head.late_after for head in mine):
        return None
    return now - max(head.last_tick for head in mine)


def _mine(service: Service) -> list[Head]:
    return [
        head
        for head in heads(service)
        if head.watches and any(owner == service.pk for owner, _, _ in _slots(head).places)
    ]


def heads(service: Service) -> list[Head]:
    """The sources of the service's organisation that have counted anything."""
    seen = _snapshot.get()
    if seen is not None and service.organisation_id in seen:
        return seen[service.organisation_id]
    rows = MetricSource.objects.filter(organisation_id=service.organisation_id).order_by("pk")
    found = [
        Head(source_id, last_tick, slot_count, timedelta(seconds=3 * tick + lag), kind != MetricSource.Kind.PUSHED)
        for source_id, last_tick, slot_count, tick, lag, kind in rows.values_list(
            "pk", "last_tick", "slot_count", "tick_seconds", "lag_seconds", "kind"
        )
        if last_tick is not None
    ]
    if seen is not None:
        seen[service.organisation_id] = found
    return found


def places(head: Head, *, service: Service, family: str, scope: Scope) -> Sequence[Place]:
    return _slots(head).places.get((service.pk, family, scope), ())


def reach(head: Head, block_id: int) -> Reach:
    block = _slots(head).blocks[block_id]
    return Reach(block_id, block.began_at, head.last_tick, block.scope == Block.Scope.REPLICA)


def forget_slots() -> None:
    _known.clear()


_COLUMNS = ("pk", "service_id", "scope", "family", "block_id", "position", "part", "le", "layout", "labels")


def _slots(head: Head) -> _Known:
    key = connection.settings_dict["NAME"], head.source_id
    known = _known.get(key) or _Known()
    if known.given >= head.slot_count:
        return known
    newest = known.newest
    new: dict[tuple[int, str, Scope], list[Place]] = {}
    rows = Slot.objects.filter(source_id=head.source_id, pk__gt=newest).order_by("pk").values_list(*_COLUMNS)
    for pk, service, scope, family, block, position, part, le, layout, labels in rows.iterator(chunk_size=5000):
        place = Place(block, position, Part(part), le, layout, dict(labels))
        new.setdefault((service, family, Scope(scope)), []).append(place)
        newest = pk
    kept = _without(known.places, {(place.block_id, place.position) for more in new.values() for place in more})
    found = {**kept, **{owner: (*kept.get(owner, ()), *more) for owner, more in new.items()}}
    blocks = {block.pk: block for block in Block.objects.filter(source_id=head.source_id)}
    _known[key] = known = _Known(head.slot_count, newest, blocks, found)
    return known


def _without(
    known: Mapping[tuple[int, str, Scope], tuple[Place, ...]], again: Collection[tuple[int, int]]
) -> dict[tuple[int, str, Scope], tuple[Place, ...]]:
    """Without the slots of replicas that were given out again."""
    return {
        owner: tuple(one for one in some if (one.block_id, one.position) not in again)
        if owner[2] is Scope.REPLICA
        else some
        for owner, some in known.items()
    }
