"""Windows of a family: the difference of two rows, summed by groups of labels."""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Final, Generic, TypeVar

from django.db import connection

from probes.signals import PREFIX
from sloengine.catalog.models import Service
from sloengine.collect.slots import Part, Scope, family_and_part
from sloengine.rollups.queries.rows import Totals, totals_at
from sloengine.rollups.queries.slots import Head, Place, heads, places, reach
from sloengine.rollups.windows import Edges, GaugeWindow, HistogramIncrement, gauge_window, merge, quantile

Key = tuple[str, ...]
Where = Mapping[str, str | Collection[str]]
Value = TypeVar("Value")
_Step = tuple[object, int, str, float | None, datetime, datetime]  # database, service, family, quantile, from, until

CACHED_POINTS: Final = 20000
_cache: OrderedDict[_Step, float] = OrderedDict()


class Groups(dict[Key, Value], Generic[Value]):
    """Values by group of labels, and the true edges of the window (None where nothing was read in it)."""

    edges: Edges | None = None


@dataclass(frozen=True, slots=True)
class Point:
    """`at` is the end of the step; value is None where nothing was read in it."""

    at: datetime
    value: float | None


@dataclass(frozen=True, slots=True)
class _Delta:
    """What one slot added in a window."""

    place: Place
    source_id: int
    amount: float


def increments(
    *, service: Service, family: str, start: datetime, end: datetime, by: Sequence[str] = (), where: Where | None = None
) -> Groups[float]:
    """What a counter added, by groups. A histogram is read by its count; `e2e_seconds_sum` reads its sum.

    increments(service=chat, family="requests_total", start=..., end=..., by=("outcome",)) -> {("ok",): 5121.0, ("error",): 2.0}
    """
    bare, part = _family(family)
    wanted = Part.VALUE if part is Part.VALUE else Part.COUNT if part is Part.N else part
    deltas, edges = _deltas(service, bare, start, end, scope=_scope(by, where), where=where)
    return _summed((one for one in deltas if one.place.part is wanted), by, edges)


def histogram(
    *, service: Service, family: str, start: datetime, end: datetime, by: Sequence[str] = (), where: Where | None = None
) -> Groups[HistogramIncrement]:
    """Bucket increments summed over replicas, by groups. By replica there are no bounds, only sum and count."""
    deltas, edges = _deltas(service, family, start, end, scope=_scope(by, where), where=where)
    return _histograms(deltas, by, edges)


def gauge(
    *, service: Service, family: str, start: datetime, end: datetime, by: Sequence[str] = (), where: Where | None = None
) -> Groups[GaugeWindow]:
    """Mean and spread of a gauge over all readings of all replicas in the window, by groups."""
    deltas, edges = _deltas(service, family, start, end, scope=_scope(by, where), where=where)
    return _gauges(deltas, by, edges)


def points(
    *,
    service: Service,
    family: str,
    start: datetime,
    end: datetime,
    step_seconds: int,
    quantile: float | None = None,
    where: Where | None = None,
) -> list[Point]:
    """One value a step, for a chart: a counter's rate per second, a histogram's quantile (or mean), a gauge's mean.

    What is known of a step that all sources have gone past stays right and is kept in this process: who asks again with steps that
    lie on the same instants pays for the new ones alone.
    """
    step = timedelta(seconds=step_seconds)
    steps = [(start + step * i, min(start + step * (i + 1), end)) for i in range(math.ceil((end - start) / step))]
    past = min((head.last_tick for head in heads(service)), default=start)
    name = (connection.settings_dict["NAME"], service.pk, family, quantile)
    known: dict[datetime, float | None] = {}
    for before, after in () if where else steps:
        kept = _cache.get((*name, before, after))
        if kept is not None:
            known[after] = kept
    bare, part = _family(family)
    left = [(before, after) for before, after in steps if after not in known]
    rows = _Rows(service, bare, {edge for one in left for edge in one}, scope=_scope((), where), where=where)
    for before, after in left:
        deltas, edges = rows.between(before, after)
        value = known[after] = _value(deltas, edges, part=part, q=quantile)
        if value is not None and after <= past and not where:
            _keep((*name, before, after), value)
    return [Point(after, known[after]) for _, after in steps]


def increment_steps(
    *, service: Service, family: str, start: datetime, end: datetime, step_seconds: int, by: Sequence[str] = ()
) -> list[Groups[float]]:
    """`increments` of each step in a row; as many statements as for one."""
    bare, part = _family(family)
    wanted = Part.VALUE if part is Part.VALUE else Part.COUNT if part is Part.N else part
    stepped = _stepped(service, bare, start, end, step_seconds, by)
    return [_summed((one for one in deltas if one.place.part is wanted), by, edges) for deltas, edges in stepped]


def histogram_steps(
    *, service: Service, family: str, start: datetime, end: datetime, step_seconds: int, by: Sequence[str] = ()
) -> list[Groups[HistogramIncrement]]:
    """`histogram` of each step in a row."""
    return [_histograms(deltas, by, edges) for deltas, edges in _stepped(service, family, start, end, step_seconds, by)]


def gauge_steps(
    *, service: Service, family: str, start: datetime, end: datetime, step_seconds: int, by: Sequence[str] = ()
) -> list[Groups[GaugeWindow]]:
    """`gauge` of each step in a row."""
    return [_gauges(deltas, by, edges) for deltas, edges in _stepped(service, family, start, end, step_seconds, by)]


def _stepped(
    service: Service, family: str, start: datetime, end: datetime, step_seconds: int, by: Sequence[str]
) -> Iterator[tuple[list[_Delta], Edges | None]]:
    step = timedelta(seconds=step_seconds)
    count = math.ceil((end - start) / step)
    instants = [min(start + step * number, end) for number in range(count + 1)]
    rows = _Rows(service, family, instants, scope=_scope(by, None), where=None)
    return (rows.between(before, after) for before, after in pairwise(instants))


def forget_points() -> None:
    _cache.clear()


def _keep(key: _Step, value: float) -> None:
    _cache[key] = value
    if len(_cache) > CACHED_POINTS:
        _cache.popitem(last=False)


def edges(*, service: Service, family: str, start: datetime, end: datetime) -> Edges | None:
    """The instants between which a window of this family truly runs; None where nothing of it was read."""
    return _deltas(service, _family(family)[0], start, end, scope=Scope.SERVICE, where=None)[1]


class _Rows:
    """The rows of a family at some instants, for taking differences between any two of them."""

    def __init__(
        self, service: Service, family: str, instants: Iterable[datetime], *, scope: Scope, where: Where | None
    ) -> None:
        self.sources: list[tuple[Head, Sequence[Place], Sequence[Place]]] = []
        reaches = []
        for head in heads(service):
            found = places(head, service=service, family=family, scope=scope)
            if found:
                ticks = [place for place in found if place.part is Part.TICKS]
                self.sources.append(
                    (head, ticks, [one for one in found if one.part is not Part.TICKS and _fits(one, where)])
                )
                reaches += [reach(head, block_id) for block_id in {place.block_id for place in found}]
        self.totals = totals_at(reaches, instants)

    def between(self, start: datetime, end: datetime) -> tuple[list[_Delta], Edges | None]:
        deltas: list[_Delta] = []
        instants: list[tuple[datetime, datetime]] = []
        for head, ticks, found in self.sources:
            read = {one.labels.get("replica", ""): one for one in ticks if self._amount(one, start, end) > 0}
            if not read:
                continue
            for place in found:
                if place.labels.get("replica", "") in read:
                    deltas.append(_Delta(place, head.source_id, self._amount(place, start, end)))
            rows = [(self.totals[one.block_id, start].at, self.totals[one.block_id, end].at) for one in read.values()]
            instants += rows
        if not instants:
            return [], None
        return deltas, Edges(min(one for one, _ in instants), max(one for _, one in instants))

    def _amount(self, place: Place, start: datetime, end: datetime) -> float:
        return _at(self.totals[place.block_id, end], place) - _at(self.totals[place.block_id, start], place)


def _deltas(
    service: Service, family: str, start: datetime, end: datetime, *, scope: Scope, where: Where | None
) -> tuple[list[_Delta], Edges | None]:
    if end < start:
        raise ValueError(f"the window ends at {end}, before its start {start}")
    return _Rows(service, family, (start, end), scope=scope, where=where).between(start, end)


def _at(totals: Totals, place: Place) -> float:
    return float(totals.vector[place.position]) if place.position < len(totals.vector) else 0.0


def _family(family: str) -> tuple[str, Part]:
    return family_and_part(PREFIX + family)


def _scope(by: Sequence[str], where: Where | None) -> Scope:
    asked = {*by, *(where or ())}
    return Scope.REPLICA if asked & {"replica", "gpu"} else Scope.SERVICE


def _fits(place: Place, where: Where | None) -> bool:
    for name, wanted in (where or {}).items():
        value = place.labels.get(name, "")
        if value != wanted if isinstance(wanted, str) else value not in wanted:
            return False
    return True


def _key(place: Place, by: Sequence[str]) -> Key:
    return tuple(place.labels.get(name, "") for name in by)


def _summed(deltas: Iterable[_Delta], by: Sequence[str], edges: Edges | None) -> Groups[float]:
    found: Groups[float] = Groups()
    found.edges = edges
    for one in deltas:
        key = _key(one.place, by)
        found[key] = found.get(key, 0.0) + one.amount
    return found


def _histograms(deltas: Iterable[_Delta], by: Sequence[str], edges: Edges | None) -> Groups[HistogramIncrement]:
    #: Per group and per set of bounds; sets are merged at the bounds they share.
    parts: dict[Key, dict[str, dict[str, float]]] = {}
    for one in deltas:
        sums = parts.setdefault(_key(one.place, by), {}).setdefault(one.place.layout, {})
        name = one.place.le if one.place.part is Part.BUCKET else one.place.part.value
        sums[name] = sums.get(name, 0.0) + one.amount
    found: Groups[HistogramIncrement] = Groups()
    found.edges = edges
    for key, layouts in parts.items():
        whole = merge(_histogram(sums) for sums in layouts.values())
        if whole is not None:
            found[key] = whole
    return found


def _histogram(sums: Mapping[str, float]) -> HistogramIncrement:
    buckets = sorted((float(le), amount) for le, amount in sums.items() if le not in (Part.SUM, Part.COUNT))
    return HistogramIncrement(
        tuple(le for le, _ in buckets),
        tuple(amount for _, amount in buckets),
        sums.get(Part.SUM, 0.0),
        sums.get(Part.COUNT, buckets[-1][1] if buckets else 0.0),
    )


def _gauges(deltas: Iterable[_Delta], by: Sequence[str], edges: Edges | None) -> Groups[GaugeWindow]:
    sums: dict[Key, dict[Part, float]] = {}
    for one in deltas:
        parts = sums.setdefault(_key(one.place, by), {Part.N: 0.0, Part.SUM: 0.0, Part.SQUARES: 0.0})
        parts[one.place.part] += one.amount
    found: Groups[GaugeWindow] = Groups()
    found.edges = edges
    for key, parts in sums.items():
        if parts[Part.N] > 0:
            found[key] = gauge_window(parts[Part.N], parts[Part.SUM], parts[Part.SQUARES])
    return found


def _value(deltas: Sequence[_Delta], edges: Edges | None, *, part: Part, q: float | None) -> float | None:
    if edges is None or edges.seconds <= 0 or not deltas:
        return None
    kinds = {one.place.part for one in deltas}
    if part in (Part.SUM, Part.COUNT):
        return sum(one.amount for one in deltas if one.place.part is part) / edges.seconds
    if Part.N in kinds:
        of_gauge = _gauges(deltas, (), edges).get(())
        return of_gauge.mean if of_gauge else None
    if Part.VALUE in kinds:
        return sum(one.amount for one in deltas) / edges.seconds
    whole = _histograms(deltas, (), edges)[()]
    if q is None:
        return whole.mean
    at = quantile(whole, q)
    return at.value if at else None
