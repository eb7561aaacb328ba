"""Increments fill slots: one reading becomes the next vector of totals and a state for each slot. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import IntEnum

import numpy as np
import numpy.typing as npt

from probes.exposition import Series
from sloengine.collect.increments import MOST, Floats, Order, Positions, Step
from sloengine.collect.slots import BLOCK_SIZE, Feed, Scope, SlotKey, feeds, layouts

Bytes = npt.NDArray[np.uint8]


class State(IntEnum):
    """What a tick says about a slot. No data is not zero: nobody knows what happened."""

    NO_DATA = 0
    OK = 1
    ZERO_TRAFFIC = 2
    PARTIAL = 3


@dataclass(frozen=True, slots=True, eq=False)
class SlotMap:
    """The slots of a source: the number of each key, and of each block its scope and how many slots it has."""

    numbers: Mapping[SlotKey, int] = field(default_factory=dict)
    blocks: tuple[tuple[Scope, int], ...] = ()

    @property
    def size(self) -> int:
        return len(self.blocks) * BLOCK_SIZE


@dataclass(frozen=True, slots=True, eq=False)
class Plan:
    """Where the values of one Order go; `weights` begin with counter amounts, then the gauges' n, sum and squares, then ticks."""

    amounts: Positions  #: which counter amounts
    gauges: Positions  #: which values of the reading
    slots: Positions  #: slot numbers of amounts, then n, sum, squares, ticks
    ticks: int
    fed: npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Fed:
    """A series' Feed as slot numbers."""

    amounts: tuple[int, ...]
    gauges: tuple[tuple[int, int, int], ...]
    ticks: tuple[int, ...]
    layout: str = ""


def strangers(order: Order, fed: Mapping[Series, Fed]) -> dict[Series, Feed]:
    """What the series feed that no order had before, or none with these bounds: an engine's upgrade may move one, and a bucket
    that is gone must not stand still among those that go on."""
    known = layouts(order.keys)
    return feeds([key for key in order.keys if key not in fed or fed[key].layout != known[key]])


def missing(feeding: Mapping[Series, Feed], slots: SlotMap) -> list[SlotKey]:
    """Slots that do not exist yet, each once, in a fixed order."""
    needed: dict[SlotKey, None] = {}
    for feed in feeding.values():
        needed.update(dict.fromkeys(_all(feed)))
    return [key for key in needed if key not in slots.numbers]


def placed(feeding: Mapping[Series, Feed], slots: SlotMap) -> dict[Series, Fed]:
    """The numbers of slots that exist by now; a source that has all the slots it may have feeds no others."""
    numbers = slots.numbers
    return {
        key: Fed(
            tuple(numbers[slot] for slot in feed.amounts if slot in numbers),
            tuple(
                (numbers[n], numbers[total], numbers[squares])
                for n, total, squares in feed.gauges
                if n in numbers and total in numbers and squares in numbers
            ),
            tuple(numbers[slot] for slot in feed.ticks if slot in numbers),
            feed.layout,
        )
        for key, feed in feeding.items()
    }


def plan(order: Order, fed: Mapping[Series, Fed], *, size: int) -> Plan:
    """Where everything in the order goes, in totals of `size` slots."""
    feds = [fed[key] for key in order.keys]
    amounts = [(place, slot) for place, position in enumerate(order.counters) for slot in feds[position].amounts]
    gauges = [(position, *triple) for position in order.gauges for triple in feds[position].gauges]
    ticks = sorted({slot for one in feds for slot in one.ticks})
    slots = [slot for _, slot in amounts]
    for part in (1, 2, 3):
        slots += [each[part] for each in gauges]
    places = np.array(slots + ticks, np.intp)
    used = np.zeros(size, np.bool_)
    used[places] = True
    return Plan(
        np.array([place for place, _ in amounts], np.intp),
        np.array([each[0] for each in gauges], np.intp),
        places,
        len(ticks),
        used,
    )


def add(totals: Floats, step: Step, plan: Plan, *, partial: bool = False) -> tuple[Floats, Bytes]:
    """The totals after a reading, and the state of each slot at it."""
    values = step.values[plan.gauges]
    readable = np.abs(values) < MOST
    values = np.where(readable, values, 0.0)
    weights = np.concatenate((step.amounts[plan.amounts], readable, values, values * values, np.ones(plan.ticks)))
    added = (
        np.bincount(plan.slots, weights=weights, minlength=len(plan.fed)) if len(weights) else np.zeros(len(plan.fed))
    )
    states = np.where(plan.fed, np.where(added != 0, State.OK, State.ZERO_TRAFFIC), State.NO_DATA).astype(np.uint8)
    if partial:
        states[plan.fed] = State.PARTIAL
    return grown(totals, len(added)) + added, states


def grown(totals: Floats, size: int) -> Floats:
    """The vector with room for `size` slots; new ones begin at 0."""
    return totals if len(totals) == size else np.append(totals, np.zeros(size - len(totals)))


def extended(slots: SlotMap, numbers: Mapping[SlotKey, int], blocks: Iterable[tuple[Scope, int]]) -> SlotMap:
    return SlotMap({**slots.numbers, **numbers}, tuple(blocks))


def _all(feed: Feed) -> Iterable[SlotKey]:
    yield from feed.amounts
    for triple in feed.gauges:
        yield from triple
    yield from feed.ticks
