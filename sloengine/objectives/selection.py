"""Which slots an objective adds up. Pure.

A `Want` names two counters of one service; `select` finds their slots in the vectors of the service's sources. Sums run over
model, version, region and whatever else the want does not narrow; per-replica slots are never looked at.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from sloengine.objectives.objective import Bound, Measure, Objective, Reading, judged_bound


@dataclass(frozen=True, slots=True)
class Place:
    """One slot of service scope: its column in the concatenated vectors, and what it counts."""

    column: int
    service_id: int
    source_id: int
    family: str
    part: str  # value, bucket, sum, count, n, squares, ticks
    le: str
    layout: str
    labels: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Want:
    """A numerator and a denominator over one service; `otherwise` are measures for where the first has no readings."""

    service_id: int
    measure: Measure
    threshold: float | None = None
    where: tuple[tuple[str, str], ...] = ()
    otherwise: tuple[Measure, ...] = ()


@dataclass(frozen=True, slots=True)
class Selection:
    """Columns to add up; `minus` is taken from the numerator. `ticks` counts readings, for coverage."""

    plus: tuple[int, ...]
    minus: tuple[int, ...]
    denominator: tuple[int, ...]
    ticks: tuple[int, ...]  # one column a source
    bound: Bound | None = None
    family: str = ""  # which was measured


def want(objective: Objective, *, service_id: int) -> Want:
    first, *rest = objective.measures
    return Want(service_id, first, objective.threshold, objective.narrowed, tuple(rest))


def select(wanted: Want, places: Mapping[tuple[int, str], Sequence[Place]]) -> Selection:
    """The slots of a want, from places by (service, family)."""
    measure = next(
        (one for one in (wanted.measure, *wanted.otherwise) if places.get((wanted.service_id, one.family))),
        wanted.measure,
    )
    return replace(_select(wanted, measure, places), family=measure.family)


def _select(wanted: Want, measure: Measure, places: Mapping[tuple[int, str], Sequence[Place]]) -> Selection:
    first = _narrowed(places.get((wanted.service_id, measure.family), ()), wanted.where)
    second = _narrowed(places.get((wanted.service_id, measure.over), ()), wanted.where) if measure.over else []
    ticks = _columns(place for place in (second if measure.over else first) if place.part == "ticks")
    if measure.reading is Reading.WITHIN:
        return _within(first, wanted.threshold or 0.0, ticks)
    if measure.reading is Reading.GAUGE:
        sums = _columns(place for place in first if place.part == "sum")
        return Selection(sums, (), _columns(place for place in first if place.part == "n"), ticks)
    if measure.reading is Reading.OUTCOMES:
        values = [place for place in first if place.part == "value"]
        good = _columns(place for place in values if place.labels.get("outcome") in measure.good)
        counted = _columns(place for place in values if place.labels.get("outcome") in measure.counted)
        return Selection(good, (), counted, ticks)
    if measure.reading is Reading.GAUGES:
        sums = _columns(place for place in first if place.part == "sum")
        return Selection(sums, (), _columns(place for place in second if place.part == "sum"), ticks)
    if measure.reading is Reading.GAUGES_UNBROKEN:
        late, events = (_columns(place for place in some if place.part == "sum") for some in (first, second))
        if not late:  # the source has no bound there, and nothing may pass for "none were late"
            return Selection((), (), (), (), Bound(wanted.threshold or 0.0, None))
        return Selection(events, late, events, ticks)
    added = _columns(place for place in first if place.part == "value")
    if measure.reading is Reading.PER_READING:
        also = _narrowed(places.get((wanted.service_id, measure.also), ()), wanted.where)
        added += _columns(place for place in also if place.part == "value")
        return Selection(added, (), _columns(place for place in second if place.part == "n"), ticks)
    over = _columns(place for place in second if place.part == "value")
    if measure.reading is Reading.MEAN:
        return Selection(added, (), over, ticks)
    return Selection(over, added, over, ticks)


def _within(places: Sequence[Place], threshold: float, ticks: tuple[int, ...]) -> Selection:
    """The bucket at the judged bound, which must be common to all layouts (R35)."""
    bounds: dict[str, set[float]] = {}
    for place in places:
        if place.part == "bucket":
            bounds.setdefault(place.layout, set()).add(float(place.le))
    common = set.intersection(*bounds.values()) if bounds else set()
    bound = judged_bound(threshold=threshold, bounds=common) if bounds else None
    if bound is None or bound.used is None:
        return Selection((), (), (), ticks, bound)
    within = _columns(place for place in places if place.part == "bucket" and float(place.le) == bound.used)
    return Selection(within, (), _columns(place for place in places if place.part == "count"), ticks, bound)


def _narrowed(places: Iterable[Place], where: tuple[tuple[str, str], ...]) -> list[Place]:
    """Tick counters have no labels but the service's, so a narrowed want is covered where its family is."""
    return [
        place
        for place in places
        if place.part == "ticks" or all(place.labels.get(label) == value for label, value in where)
    ]


def _columns(places: Iterable[Place]) -> tuple[int, ...]:
    return tuple(place.column for place in places)
