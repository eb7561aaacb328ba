"""Increments fill slots: one reading becomes the next vector of totals and a state for each slot. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import IntEnum

import numpy as np
import numpy.typing as npt

from probes.exposition import Series
from sloengine.collect.increments import MOST, Floats, Positions, Step
from sloengine.collect.slots import BLOCK_SIZE, Feed, Scope, SlotKey

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
    """Where the values of one Order go: first counter amounts, then the gauges' n, sum and squares, then ticks (`add`)."""

    amounts: Positions  #: which counter amounts
    gauges: Positions  #: which values of the reading
    slots: Positions  #: slot numbers of amounts, then n, sum, squares, ticks
    ticks: int
    fed: npt.NDArray[np.bool_]


def missing(feeding: Mapping[Series, Feed], slots: SlotMap) -> list[SlotKey]:
    """Slots that do not exist yet, each once, in a fixed order."""
    needed: dict[SlotKey, None] = {}
    for feed in feeding.values():
        needed.update(dict.fromkeys(_all(feed)))
    return [key for key in needed if key not in slots.numbers]


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
