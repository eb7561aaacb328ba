"""No data, zero traffic, all bad: three answers, and how the first two count where an objective says so. Pure.

A timeslice that cannot be judged counts neither way, unless its objective treats it as good or bad. How many there were comes
out of the window's sums: time without data is missing slices; time with data and fewer slices judged than fit into it had no
requests. Occurrences count requests, and where there are none there is nothing to treat.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from sloengine.objectives.terms import Missing, Treatment

Matrix = npt.NDArray[np.float64]
Vector = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Treated:
    """The row of an objective whose missing slices count."""

    row: int
    slice_seconds: int
    missing: Missing


def treated(
    *, bad: Matrix, total: Matrix, covered: Matrix, spans: Matrix, rows: Sequence[Treated]
) -> tuple[Matrix, Matrix]:
    """`bad` and `total` (objectives x windows) with missing slices counted.

    `spans` is how long each window really is: no longer than the objective is old. Of an hour with 50 minutes of data and 45
    judged minutes, 10 slices have no data and 5 no traffic.
    """
    bad, total = bad.copy(), total.copy()
    for one in rows:
        span, data = spans[one.row], np.minimum(covered[one.row], spans[one.row])
        empty = np.floor((span - data) / one.slice_seconds)
        idle = np.maximum(np.floor(data / one.slice_seconds) - total[one.row], 0.0)
        for slices, treatment in ((empty, one.missing.no_data), (idle, one.missing.zero_traffic)):
            if treatment is not Treatment.IGNORE:
                total[one.row] += slices
            if treatment is Treatment.BAD:
                bad[one.row] += slices
    return bad, total


@dataclass(frozen=True, slots=True)
class Presence:
    """What is known of a signal: seconds since it was last read (None: never), and whether its service shows anything."""

    silent_seconds: float | None
    service_present: bool
    source_readable: bool


def absent(presence: Presence, *, after_seconds: int | None) -> bool | None:
    """Whether somebody is to be told; None where nothing can be said.

    A gap in scraping and a rolling restart end before `after_seconds` (15 min). A service that shows nothing at all was scaled to
    zero, or is out: others judge that, and the signal is not missed. While its source cannot be read nobody knows.
    """
    if after_seconds is None or presence.silent_seconds is None:
        return False
    if not presence.source_readable:
        return None
    return presence.service_present and presence.silent_seconds >= after_seconds
