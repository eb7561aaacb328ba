"""Prefix sums of many objectives at once: how they advance by a tick, and how a row keeps them. Pure.

Arrays are columns x objectives. `numerator` and `denominator` are the measured counters (requests within the threshold,
requests). `good` and `total` are what the budget counts: the same for occurrences, judged slices for timeslices. `covered` is
the time with data in seconds, bridging gaps of up to five minutes; `readings` how many readings held the signal, and `seen` when
the last one did (unix seconds, NaN for never).
"""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from sloengine.budgets.slices import BRIDGED_SECONDS, NOTHING

Sums = npt.NDArray[np.float64]
Positions = npt.NDArray[np.intp]
NUMERATOR, DENOMINATOR, GOOD, TOTAL, COVERED, READINGS, SEEN = range(7)
COLUMNS: Final = 7
BLOCK_SIZE: Final = 512

_HEAD: Final = struct.Struct("<BH")  # how it is written, objectives
_WRITTEN_AS: Final = 1


@dataclass(frozen=True, slots=True, eq=False)
class Rules:
    """How each objective counts. `slice_seconds` is 0 for occurrences; `slice_target` matters for timeslices alone: NaN has no
    target, and such a slice is as good as its own ratio."""

    slice_seconds: npt.NDArray[np.int64]
    slice_target: npt.NDArray[np.float64]

    @property
    def judged(self) -> npt.NDArray[np.bool_]:
        return self.slice_seconds > 0


def began(*, numerator: Sums, denominator: Sums, readings: Sums, rules: Rules) -> Sums:
    """The sums of objectives at their first instant: what was counted before it is in the counters, but covers no time."""
    first = np.zeros((COLUMNS, len(numerator)))
    first[NUMERATOR], first[DENOMINATOR], first[READINGS] = numerator, denominator, readings
    first[GOOD] = np.where(rules.judged, 0.0, numerator)
    first[TOTAL] = np.where(rules.judged, 0.0, denominator)
    first[SEEN] = np.nan
    return first


def advance(
    last: Sums,
    boundary: Sums,
    *,
    before: float,
    at: float,
    numerator: Sums,
    denominator: Sums,
    readings: Sums,
    rules: Rules,
) -> tuple[Sums, Sums]:
    """The sums at unix second `at`, from those at `before`; and the sums at each objective's last slice boundary.

    Time counts as covered once a reading came, back to the reading before it: a reading every five minutes covers all the time;
    after two hours without one, five minutes of them. A slice is judged once, at its end (`slices.py`).
    """
    now = last.copy()
    now[NUMERATOR], now[DENOMINATOR] = numerator, denominator
    grew = readings > last[READINGS]
    since = at - np.where(np.isnan(last[SEEN]), before, last[SEEN])
    now[COVERED] += np.where(grew, np.minimum(since, max(at - before, BRIDGED_SECONDS)), 0.0)
    now[READINGS] = np.where(grew, readings, last[READINGS])
    now[SEEN] = np.where(grew, at, last[SEEN])
    judged = rules.judged
    now[GOOD] = np.where(judged, last[GOOD], numerator)
    now[TOTAL] = np.where(judged, last[TOTAL], denominator)
    ends = judged & (int(at) % np.maximum(rules.slice_seconds, 1) == 0)
    if not ends.any():
        return now, boundary
    delta = now - boundary
    counts = ends & (delta[COVERED] > 0) & (delta[DENOMINATOR] > 0)
    reached = delta[NUMERATOR] >= rules.slice_target * delta[DENOMINATOR] - NOTHING
    ratio = np.divide(delta[NUMERATOR], delta[DENOMINATOR], out=np.zeros(len(counts)), where=counts)
    good = np.where(np.isnan(rules.slice_target), np.clip(ratio, 0.0, 1.0), reached)
    # Where history is kept more coarsely than slices, an hour with data is judged as a whole and counts as 60 slices of a minute:
    # the best that can be said of it.
    slices = np.maximum(1.0, delta[COVERED] // np.maximum(rules.slice_seconds, 1))
    now[TOTAL] += np.where(counts, slices, 0.0)
    now[GOOD] += np.where(counts, slices * good, 0.0)
    return now, np.where(ends, now, boundary)


def written(sums: Sums) -> bytes:
    """A row: exact, and about 4 bytes for each objective. Sums of neighbours resemble each other in their high bytes, so bytes are
    laid out place by place; where the budget counts what was measured (occurrences) it is not written twice."""
    count = sums.shape[1]
    bits = np.ascontiguousarray(sums).view(np.uint64).copy()
    same = (bits[GOOD] == bits[NUMERATOR]) & (bits[TOTAL] == bits[DENOMINATOR])
    bits[GOOD] = np.where(same, 0, bits[GOOD] ^ bits[TOTAL])
    bits[TOTAL] = np.where(same, 0, bits[TOTAL])
    bits[NUMERATOR] ^= bits[DENOMINATOR]
    places = bits.view(np.uint8).reshape(COLUMNS, count, 8).transpose(0, 2, 1)
    packed = zlib.compress(np.packbits(same).tobytes() + places.tobytes(), 1)
    return _HEAD.pack(_WRITTEN_AS, count) + packed


def read(row: bytes) -> Sums:
    """What `written` wrote."""
    return read_at(row, np.arange(width(row)))


def width(row: bytes) -> int:
    """How many objectives a row holds."""
    form, count = _HEAD.unpack_from(row)
    if form != _WRITTEN_AS:
        raise ValueError(f"the row of sums is written as {form}, expected {_WRITTEN_AS}: it is of a later version")
    return int(count)


def read_at(row: bytes, positions: Positions) -> Sums:
    """The sums of some objectives of a row; a few cost half of all."""
    count = width(row)
    flags = (count + 7) // 8
    size = flags + 8 * COLUMNS * count  # known, so that nothing is grown and copied
    plain = np.frombuffer(zlib.decompress(memoryview(row)[_HEAD.size :], bufsize=size + 1), np.uint8)
    same = np.unpackbits(plain[:flags], count=count)[positions].astype(np.bool_)
    places = plain[flags:].reshape(COLUMNS, 8, count)
    few = places[:, :, positions]
    bits = few.transpose(0, 2, 1).copy().view(np.uint64).reshape(COLUMNS, len(positions))
    bits[NUMERATOR] ^= bits[DENOMINATOR]
    bits[GOOD] = np.where(same, bits[NUMERATOR], bits[GOOD] ^ bits[TOTAL])
    bits[TOTAL] = np.where(same, bits[DENOMINATOR], bits[TOTAL])
    return bits.view(np.float64)
