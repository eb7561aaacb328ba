"""Successive readings of cumulative series become exact increments. Pure; one pass of arrays per reading.

A reading is the cumulative value of each series at a tick. Against the last value kept of the same series it has

    grown      what was added since the last value
    restarted  the value fell, or its process start moved: all it has since (what the old process counted unread is lost)
    dipped     it fell by less than half, and its process start says that it is the same one: nothing, until it is past that value
    born       its process started after the reading before, or after its family was last read from this target, or the very
               process was read before without it (a first error): all it has
    returned   it was missing from one reading or more: what was added since the value before the gap
    baseline   anything else seen for the first time: nothing; its past is not ours

A sum that a server made of many series (`instance="sum"`) cannot tell a restart inside it: one that fell, or whose service has other
targets than at the reading before, counts nothing at this reading. That is too little, never too much.

so the sum over a series telescopes: last value minus baseline plus each value a restart reset. Worked: 100, 130, 7, 9 counts
0 + 30 + 7 + 2 = 39. Summing `increase()` of Prometheus instead loses 4 to 9 % on bursts and births.

Process starts come with the readings: `tailwatch_process_start_seconds` by replica, `tailwatch_probe_start_seconds` for what
the probe itself counts. Counters of the hardware (`gpu_...`) belong to no process: only a falling value restarts them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import IntEnum
from hashlib import blake2s
from itertools import repeat
from typing import Final

import numpy as np
import numpy.typing as npt

from probes.exposition import Series
from probes.signals import PREFIX

Floats = npt.NDArray[np.float64]
Positions = npt.NDArray[np.intp]
Start = tuple[str, ...]  # whose process start: (service, replica, instance, version), or ("probe", instance)

#: A start this close to the last one is the same start: exporters derive it from an uptime and it trembles.
SAME_START_SECONDS: Final = 1.0
#: Two sums of the same floats in another order differ by less.
ROUNDING: Final = 1e-9
#: What a probe shows at a tick was scraped up to this long before: a process younger than the tick by less is unread too.
PROBE_AGE_SECONDS: Final = 15.0

#: A float64 counts no further one by one; a counter that says more (or less than 0) has wrapped, or it lies.
MOST: Final = 2.0**53

COUNTER_ENDINGS: Final = ("_total", "_bucket", "_sum", "_count")
#: What the probe counts itself; it starts anew with the probe, not with the engine.
PROBE_FAMILIES: Final = tuple(
    PREFIX + name for name in ("probe_", "canary_", "answer_", "retrieval_", "schema_", "safety_", "engine_restarts_")
)
HARDWARE_FAMILIES: Final = (PREFIX + "gpu_",)
PROCESS_START: Final = PREFIX + "process_start_seconds"
PROBE_START: Final = PREFIX + "probe_start_seconds"
#: The `instance` of a series that a server summed over its targets (sources/selectors.py).
SUMMED: Final = "sum"


class Reason(IntEnum):
    BASELINE = 0
    GROWN = 1
    RESTARTED = 2
    BORN = 3
    RETURNED = 4


class Register:
    """The series that a source ever showed, each with a number; counters have a row as well. It only grows, and the Readings that
    follow one another share it: a reading with a few new series costs those few, and a pass of arrays over the rest.
    """

    def __init__(self) -> None:
        self.numbers: dict[Series, int] = {}
        self.summed = np.empty(0, np.bool_)  #: of each row: whether it is a sum that a server made
        self.targets: dict[
            int, tuple[str, str]
        ] = {}  #: of series that are no counters, by number: service, and who shows it
        self.keys: list[Series] = []
        self.counters: list[Series] = []  #: by row
        self.row = np.empty(0, np.intp)  #: of each series; -1 where it is no counter
        self.family = np.empty(0, np.intp)  #: of each row
        self.families: dict[tuple[str, ...], int] = {}  #: (process, family) -> number
        self.group = np.empty(0, np.intp)  #: of each row: which process start belongs to it; -1 for none
        self.groups: dict[tuple[Start, ...], int] = {}  #: names of starts, of which the first that is read counts
        self.starts: dict[int, tuple[Start, ...]] = {}  #: series that are starts, by number: their names

    def number(self, keys: list[Series]) -> Positions:
        """The number of each of these series; those that are new get one."""
        numbers = np.fromiter(map(self.numbers.get, keys, repeat(-1)), np.intp, len(keys))
        new = np.flatnonzero(numbers < 0).tolist()
        if new:
            self._add([keys[position] for position in new])
            numbers[new] = [self.numbers[keys[position]] for position in new]
        return numbers

    def _add(self, new: Sequence[Series]) -> None:
        rows, families, groups, summed = [], [], [], []
        for one in new:
            number = self.numbers[one] = len(self.keys)
            self.keys.append(one)
            if one.name.endswith(COUNTER_ENDINGS):
                rows.append(len(self.counters))
                self.counters.append(one)
                families.append(self.families.setdefault((one.name, *_process(one)), len(self.families)))
                names = _starts_of(one)
                groups.append(self.groups.setdefault(names, len(self.groups)) if names else -1)
                summed.append(one.label("instance") == SUMMED)
            else:
                rows.append(-1)
                service, *who = _process(one)
                self.targets[number] = service, "|".join(who)
                if one.name == PROCESS_START:
                    self.starts[number] = ((*_process(one), one.label("version") or ""), (*_process(one), "any"))
                elif one.name == PROBE_START:
                    self.starts[number] = (("probe", one.label("instance") or ""),)
        self.row = np.append(self.row, np.array(rows, np.intp))
        self.family = np.append(self.family, np.array(families, np.intp))
        self.group = np.append(self.group, np.array(groups, np.intp))
        self.summed = np.append(self.summed, np.array(summed, np.bool_))


@dataclass(frozen=True, slots=True, eq=False)
class Order:
    """How the series of one reading lie; the same for every reading with the same series, which is nearly every one."""

    keys: list[Series]
    numbers: Positions  #: of each series, in the register
    counters: Positions  #: where each counter's value is in the reading
    rows: Positions  #: which row of the Readings it has
    starts: Positions  #: where its process start is in the reading; len(keys) where it has none
    gauges: Positions  #: where each other value is
    members: Floats  #: of each counter that is a sum, what stands for the targets of its service; NaN for others


@dataclass(frozen=True, slots=True, eq=False)
class Readings:
    """The last value kept of each counter, with when it was seen and the process start it was seen with (NaN: none)."""

    at: float | None = None
    register: Register = field(default_factory=Register)
    values: Floats = field(default_factory=lambda: np.empty(0))
    starts: Floats = field(default_factory=lambda: np.empty(0))
    seen: Floats = field(default_factory=lambda: np.empty(0))
    order: Order | None = None

    @property
    def series(self) -> list[Series]:
        """The counters, in the order of the arrays."""
        return self.register.counters[: len(self.values)]


@dataclass(frozen=True, slots=True, eq=False)
class Step:
    """What one reading added: `amounts[i]` and why, for `order.keys[order.counters[i]]`; and all its values."""

    readings: Readings
    order: Order
    amounts: Floats
    reasons: npt.NDArray[np.int8]
    values: Floats
    reordered: bool  #: the series are not those of the reading before


def restore(*, at: float, series: Iterable[Series], values: Floats, starts: Floats, seen: Floats) -> Readings:
    """The Readings that were kept elsewhere."""
    register = Register()
    register.number(list(series))
    return Readings(at, register, values, starts, seen)


def advance(readings: Readings, samples: Mapping[Series, float], *, at: float) -> Step:
    """The increments of one reading, taken at unix second `at`; `readings` itself stays as it is."""
    keys = list(samples)
    order = readings.order
    reordered = False
    if order is None or order.keys != keys:
        reordered = True
        order = _order(readings.register, keys)
        readings = _grown(readings)
    values = np.fromiter(samples.values(), np.float64, len(keys))
    now = values[order.counters]
    starts = np.append(np.where(np.isfinite(values), values, np.nan), np.nan)[order.starts]
    summed = ~np.isnan(order.members)
    starts = np.where(summed, order.members, starts)
    last = readings.values[order.rows]
    last_start = readings.starts[order.rows]

    readable = (now >= 0) & (now < MOST)
    first = np.isnan(last)
    dipped = _dipped(now, last, same_process=~summed & (np.abs(starts - last_start) <= SAME_START_SECONDS))
    restarted = (now < last) & ~dipped | (np.abs(starts - last_start) > SAME_START_SECONDS)
    amounts = np.where(restarted, np.where(summed, 0.0, now), np.where(dipped, 0.0, now - last))
    reasons = np.where(restarted, Reason.RESTARTED, Reason.GROWN).astype(np.int8)
    if readings.at is not None:
        reasons[(readings.seen[order.rows] < readings.at) & ~restarted] = Reason.RETURNED
    if first.any():
        born = first & _born(readings, order, starts=starts)
        amounts[first] = np.where(born, now, 0.0)[first]
        reasons[first] = np.where(born, Reason.BORN, Reason.BASELINE)[first]
    if not readable.all():
        amounts[~readable] = 0.0
        reasons[~readable] = Reason.BASELINE

    rows = order.rows[readable]
    kept_values, kept_starts, kept_seen = readings.values.copy(), readings.starts.copy(), readings.seen.copy()
    kept_values[rows] = np.where(dipped, last, now)[readable]
    kept_starts[rows] = np.where(np.isnan(starts), last_start, starts)[readable]
    kept_seen[rows] = at
    after = Readings(at, readings.register, kept_values, kept_starts, kept_seen, order)
    return Step(after, order, amounts, reasons, values, reordered)


def forget(readings: Readings, *, before: float) -> Readings:
    """Without the series last seen before `before`: pods that are gone for good. Their rows are emptied, and cleared away once
    they are half of all, when those that stay get new numbers and a new register."""
    stay = readings.seen >= before
    if readings.at is None or not (readings.seen < before).any():
        return readings
    if 2 * np.count_nonzero(stay) <= len(stay):
        series = [one for one, kept in zip(readings.series, stay, strict=True) if kept]
        return restore(at=readings.at, series=series, values=readings.values[stay], starts=readings.starts[stay],
                       seen=readings.seen[stay])  # fmt: skip
    values, starts, seen = (np.where(stay, each, np.nan) for each in (readings.values, readings.starts, readings.seen))
    return replace(readings, values=values, starts=starts, seen=seen)


def _dipped(now: Floats, last: Floats, *, same_process: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    """Which counters fell and yet did not restart: their process says that it is the same and has lost less than half (a second
    Prometheus answered, which lags a scrape behind), or a float sum was added up in another order. 1000, 998, 1003 counts 3."""
    fell = (now < last) & (last > 0)
    return fell & ((same_process & (now > last / 2)) | (now > last * (1 - ROUNDING)))


def _born(readings: Readings, order: Order, *, starts: Floats) -> npt.NDArray[np.bool_]:
    """Which counters of the reading, had they been read before, would have read 0."""
    if readings.at is None:
        return np.zeros(len(starts), np.bool_)
    register = readings.register
    families = register.family[order.rows]
    last_seen = np.full(len(register.families), np.nan)
    np.fmax.at(last_seen, register.family[: len(readings.seen)], readings.seen)
    oldest = np.fmin(last_seen[families], readings.at)
    # The very process was read before with this family and still shows what it showed then: a new series of it was 0. Where
    # the old ones are gone, somebody renamed labels, and the values are not new.
    then = readings.starts[order.rows]
    same = (np.abs(then - starts) <= SAME_START_SECONDS) | (np.isnan(then) & np.isnan(starts))
    known = same & ~np.isnan(readings.values[order.rows])
    shown = np.zeros(len(register.families), np.bool_)
    shown[families[known]] = True
    shown_start = np.full(len(register.families), np.nan)
    shown_start[families[known]] = starts[known]
    of_family = shown_start[families]
    alike = (np.abs(of_family - starts) <= SAME_START_SECONDS) | (np.isnan(of_family) & np.isnan(starts))
    born: npt.NDArray[np.bool_] = (starts > oldest - PROBE_AGE_SECONDS) | (shown[families] & alike)
    return born


def _grown(readings: Readings) -> Readings:
    """With a row for each counter of the register; rows are only added."""
    new = len(readings.register.counters) - len(readings.values)
    if not new:
        return readings
    empty = np.full(new, np.nan)
    values, starts, seen = (np.append(each, empty) for each in (readings.values, readings.starts, readings.seen))
    return replace(readings, values=values, starts=starts, seen=seen)


def _order(register: Register, keys: list[Series]) -> Order:
    numbers = register.number(keys)
    row = register.row[numbers]
    counters = np.flatnonzero(row >= 0)
    rows = row[counters]
    group = register.group[rows]
    # One more at the end: those of the hardware, with -1, have none.
    start_of_group = np.full(len(register.groups) + 1, len(keys), np.intp)
    read = _starts_read(register, numbers)
    for names, number in register.groups.items():
        start_of_group[number] = next((read[name] for name in names if name in read), len(keys))
    others = np.flatnonzero(row < 0)
    members = _members(register, rows, numbers[others])
    return Order(keys, numbers, counters, rows, start_of_group[group], others, members)


def _members(register: Register, rows: Positions, others: Positions) -> Floats:
    """For each row that is a sum a number below 0, and so no process start, for the targets of its service: other targets, another."""
    members = np.full(len(rows), np.nan)
    sums = np.flatnonzero(register.summed[rows])
    if len(sums):
        shown: dict[str, set[str]] = {}
        for number in others.tolist():
            service, who = register.targets[number]
            shown.setdefault(service, set()).add(who)
        stands = {service: _number("\n".join(sorted(targets))) for service, targets in shown.items()}
        for place in sums.tolist():
            members[place] = stands.get(register.counters[rows[place]].label("service") or "", -10.0)
    return members


def _number(text: str) -> float:
    """Further from any other than two process starts that are the same."""
    return -10.0 * (1 + int.from_bytes(blake2s(text.encode(), digest_size=5).digest()))


def _starts_read(register: Register, numbers: Positions) -> dict[Start, int]:
    """Where in a reading each process start is, by its names."""
    place = np.full(len(register.keys), -1, np.intp)
    place[numbers] = np.arange(len(numbers))
    found = {number: int(place[number]) for number in register.starts if place[number] >= 0}
    return {
        name: position
        for number, position in sorted(found.items(), key=lambda item: item[1])
        for name in register.starts[number]
    }


def _starts_of(one: Series) -> tuple[Start, ...]:
    """The names under which a counter's process start may be found, best first."""
    if one.name.startswith(HARDWARE_FAMILIES):
        return ()
    if one.name.startswith(PROBE_FAMILIES):
        return (("probe", one.label("instance") or ""),)
    # A source may still show the series of an old version beside those of the new one: each has the start of its own.
    version = one.label("version") or "any"
    process = _process(one)
    return tuple((*owner, wanted) for owner in (process, ("", *process[1:])) for wanted in (version, ""))


def _process(one: Series) -> tuple[str, ...]:
    """Which process a series is read from: (service, replica, instance)."""
    labels = dict(one.labels)
    return labels.get("service", ""), labels.get("replica", ""), labels.get("instance", "")
