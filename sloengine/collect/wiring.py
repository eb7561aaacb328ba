"""Which slots each series of a register feeds. Pure.

A reading with the same series as the one before has the same plan. One with a few new ones asks only for theirs: entries
(series, slot) are kept in arrays, and a plan is those entries whose series the reading holds. 20,000 series of which 60 are new
cost 60 lookups and some passes of arrays.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from probes.exposition import Series
from sloengine.collect.increments import Order, Positions, Register
from sloengine.collect.slots import Feed, Part, SlotKey, family_and_part, feeds
from sloengine.collect.totals import Plan

_HASH = 0xFFFF_FFFF_FFFF_FFFF


class Wiring:
    """The entries of the series of one register; it only grows, but for series whose histogram got other bounds."""

    def __init__(self, register: Register) -> None:
        self.register = register
        self._fed = np.empty(0, np.bool_)
        self._histograms: dict[Series, int] = {}
        self._histogram = np.empty(0, np.intp)  # of each series; -1 for what is in none
        self._bound = np.empty(0, np.uint64)  # a hash of the bound of each bucket
        self._bounds = np.empty(0, np.uint64)  # of each histogram: the sum of its bounds, as they were fed
        self._short: set[int] = set()  # series for which there was no room
        self._amounts = np.empty((2, 0), np.intp)  # series, slot
        self._gauges = np.empty((4, 0), np.intp)  # series, n, sum, squares
        self._ticks = np.empty((2, 0), np.intp)  # series, slot

    def strangers(self, order: Order) -> dict[Series, Feed]:
        """What the series feed that no order had before, or none with these bounds: an engine's upgrade may move one, and a
        bucket that is gone must not stand still among those that go on."""
        self._grow()
        numbers = order.numbers
        histogram = self._histogram[numbers]
        inside = np.flatnonzero(histogram >= 0)
        bounds = np.zeros(len(self._bounds), np.uint64)
        np.add.at(bounds, histogram[inside], self._bound[numbers[inside]])
        present = np.zeros(len(bounds), np.bool_)
        present[histogram[inside]] = True
        new = ~self._fed[numbers]
        moved = present & (bounds != self._bounds)
        moved[histogram[inside][new[inside]]] = True
        new[inside] |= moved[histogram[inside]]
        self._bounds[moved] = bounds[moved]
        absent = (self._histogram >= 0) & moved[self._histogram] if len(moved) else np.zeros(len(self._fed), np.bool_)
        absent[numbers] = False
        self._fed[absent] = False  # once they come back they belong to the histogram as it is now
        return feeds([order.keys[position] for position in np.flatnonzero(new)])

    def connect(self, feeding: Mapping[Series, Feed], slots: Mapping[SlotKey, int]) -> None:
        """From now on these series feed these slots; a source that has all the slots it may have feeds no others."""
        if not feeding:
            return
        numbers = [self.register.numbers[one] for one in feeding]
        known = np.array(numbers, np.intp)
        # What they fed before goes, also where they were gone for a while: its slots may be others' by now.
        again = np.zeros(len(self._fed), np.bool_)
        again[known] = True
        self._amounts, self._gauges, self._ticks = (
            each[:, ~again[each[0]]] for each in (self._amounts, self._gauges, self._ticks)
        )
        self._fed[known] = True
        short = (number for number, feed in zip(numbers, feeding.values(), strict=True) if not _all_in(feed, slots))
        self._short.update(short)
        pairs = list(zip(numbers, feeding.values(), strict=True))
        amounts = [(number, slots[key]) for number, feed in pairs for key in feed.amounts if key in slots]
        gauges = [
            (number, *(slots[key] for key in triple))
            for number, feed in pairs
            for triple in feed.gauges
            if all(key in slots for key in triple)
        ]
        ticks = [(number, slots[key]) for number, feed in pairs for key in feed.ticks if key in slots]
        self._amounts, self._gauges, self._ticks = (
            np.append(each, np.array(more, np.intp).reshape(-1, len(each)).T, axis=1)
            for each, more in ((self._amounts, amounts), (self._gauges, gauges), (self._ticks, ticks))
        )

    def plan(self, order: Order, *, size: int) -> Plan:
        """Where everything in the order goes, in totals of `size` slots."""
        place = np.full(len(self.register.keys), -1, np.intp)
        place[order.numbers] = np.arange(len(order.keys))
        counter = np.full(len(place), -1, np.intp)
        counter[order.numbers[order.counters]] = np.arange(len(order.counters))
        amounts = self._amounts[:, counter[self._amounts[0]] >= 0]
        gauges = self._gauges[:, place[self._gauges[0]] >= 0]
        ticks = np.unique(self._ticks[1, place[self._ticks[0]] >= 0])
        places = np.concatenate((amounts[1], gauges[1], gauges[2], gauges[3], ticks))
        fed: npt.NDArray[np.bool_] = np.zeros(size, np.bool_)
        fed[places] = True
        return Plan(counter[amounts[0]], place[gauges[0]], places, len(ticks), fed)

    def disconnect(self, slots: Positions) -> None:
        """Nothing feeds these slots any more; should one of their series come back, it is asked about as a new one."""
        gone = (
            np.isin(self._amounts[1], slots),
            np.isin(self._ticks[1], slots),
            np.isin(self._gauges[1:], slots).any(axis=0),
        )
        of_series = np.concatenate(
            (self._amounts[0, gone[0]], self._ticks[0, gone[1]], self._gauges[0, gone[2]])
        )  # fmt: skip
        self._fed[of_series] = False

    def ask_again(self) -> bool:
        """Series that found no slot are asked about once more, since others may have gone; whether there are any."""
        self._fed[list(self._short)] = False
        asked = bool(self._short)
        self._short.clear()
        return asked

    def _grow(self) -> None:
        new = self.register.keys[len(self._fed) :]
        if not new:
            return
        histograms, bounds = [], []
        for one in new:
            family, part = family_and_part(one.name)
            bucket = part is Part.BUCKET
            if bucket or part in (Part.SUM, Part.COUNT):
                base = Series(family, one.without("le").labels if bucket else one.labels)
                histograms.append(self._histograms.setdefault(base, len(self._histograms)))
            else:
                histograms.append(-1)
            bounds.append(hash(one.label("le") or "") & _HASH if bucket else 0)
        self._fed = np.append(self._fed, np.zeros(len(new), np.bool_))
        self._histogram = np.append(self._histogram, np.array(histograms, np.intp))
        self._bound = np.append(self._bound, np.array(bounds, np.uint64))
        more = len(self._histograms) - len(self._bounds)
        self._bounds = np.append(self._bounds, np.zeros(more, np.uint64))


def _all_in(feed: Feed, slots: Mapping[SlotKey, int]) -> bool:
    return all(key in slots for key in (*feed.amounts, *(key for triple in feed.gauges for key in triple), *feed.ticks))
