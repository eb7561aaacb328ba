"""Readings become tracks, by the increments and selections that collecting uses. Pure.

history = History(promises)
for reading in ...: history.add(at, samples)
history.track(promise)
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np

from probes.exposition import Series
from sloengine.backtests.track import Track, Vector
from sloengine.collect.increments import Order, Readings, advance, forget
from sloengine.collect.slots import Part, family_and_part, layouts
from sloengine.objectives.objective import Bound, Objective, Reading
from sloengine.objectives.selection import Place, Selection, select, want

FORGET_SECONDS = 24 * 3600


@dataclass(slots=True)
class _Line:
    """What one promise adds up now, as places among the increments of a reading: good, taken from good, all."""

    promise: Objective
    columns: tuple[Sequence[int], Sequence[int], Sequence[int]] = ((), (), ())
    held: bool = False
    bound: Bound | None = None


class History:
    """Counts readings one after the other; the first is the baseline."""

    def __init__(self, promises: Iterable[Objective]) -> None:
        self._lines = [_Line(promise) for promise in {promise.key: promise for promise in promises}.values()]
        self._place = {line.promise.key: place for place, line in enumerate(self._lines)}
        services = sorted({line.promise.service for line in self._lines})
        self._services = {service: number for number, service in enumerate(services)}
        self._readings = Readings()
        self._order: Order | None = None
        self._columns, self._sums_of = np.empty(0, np.intp), np.empty(0, np.intp)
        self._held = np.zeros(len(self._lines))
        self._at: list[float] = []
        #: A row a reading: three sums of each promise, then whether its signal was held.
        self._rows: list[Vector] = []

    def add(self, at: datetime, samples: Mapping[Series, float]) -> None:
        second = at.timestamp()
        step = advance(self._readings, samples, at=second)
        self._readings = step.readings if second % 3600 else forget(step.readings, before=second - FORGET_SECONDS)
        if step.order is not self._order:
            self._order = step.order
            self._select(step.order)
        sums = np.bincount(self._sums_of, weights=step.amounts[self._columns], minlength=3 * len(self._lines))
        self._at.append(second)
        self._rows.append(np.concatenate((sums, self._held)))

    def track(self, promise: Objective) -> Track:
        """What was measured of it; from the first reading that held its signal."""
        place, count = self._place[promise.key], len(self._lines)
        columns = [3 * place, 3 * place + 1, 3 * place + 2, 3 * count + place]
        rows = np.array([row[columns] for row in self._rows]).reshape(-1, 4)
        first = int(np.argmax(rows[:, 3] > 0)) if rows[:, 3].any() else len(rows)
        plus, minus, counted, held = np.cumsum(rows[first:], axis=0).T
        return Track(np.array(self._at[first:]), plus - minus, counted, held, self._lines[place].bound)

    def bound(self, promise: Objective) -> Bound | None:
        """The bucket bound by which it is judged; None where it has none, or no histogram was seen."""
        return self._lines[self._place[promise.key]].bound

    def _select(self, order: Order) -> None:
        """Which increments of this order each promise adds up: `column` is the place among the order's counters."""
        keys = [order.keys[position] for position in order.counters]
        known = layouts(keys)
        places: dict[tuple[int, str], list[Place]] = defaultdict(list)
        for column, one in enumerate(keys):
            service = self._services.get(one.label("service") or "")
            if service is not None:
                family, part = family_and_part(one.name)
                le = one.label("le") or "" if part is Part.BUCKET else ""
                places[service, family].append(
                    Place(column, service, 0, family, part.value, le, known[one], dict(one.labels))
                )
        for line in self._lines:
            service = self._services[line.promise.service]
            chosen: Selection = select(want(line.promise, service_id=service), places)
            measure = next(one for one in line.promise.measures if one.family == chosen.family)
            line.columns = chosen.plus, chosen.minus, chosen.denominator
            shown = (
                chosen.denominator
                if line.promise.terms.queries.present
                else places.get((service, measure.over or measure.family))
            )
            line.held = bool(shown)
            line.bound = chosen.bound or line.bound
        groups = [group for line in self._lines for group in line.columns]
        self._columns = np.array([column for group in groups for column in group], np.intp)
        self._sums_of = np.repeat(np.arange(len(groups)), [len(group) for group in groups])
        self._held = np.array([line.held for line in self._lines], float)


def families_of(promises: Sequence[Objective]) -> frozenset[str]:
    """The canonical families that these promises read, and what tells a restart."""
    measures = [measure for promise in promises for measure in promise.measures]
    named = {family for measure in measures for family in (measure.family, measure.over) if family}
    return frozenset(named | {"process_start_seconds", "probe_start_seconds"})


def untold(promise: Objective) -> str:
    """Why a source's past tells nothing of it, though rollups do; empty where it does. Only increments of its series are read."""
    if promise.terms.queries.present:
        return ""
    if promise.terms.kpi:
        return "its KPI is pushed to us"
    plain = (Reading.WITHIN, Reading.OUTCOMES, Reading.MEAN, Reading.UNBROKEN, Reading.PARTS)
    if all(measure.reading in plain for measure in promise.measures):
        return ""
    return "it is no share of events of one signal"
