"""How improbable an hour is: four views of the same residuals, each against its own past. Pure.

    point    the residual of the hour, in noises
    jump     its change from the hour before
    three    the mean residual of 3 hours     } a moving sum sees a step that is too small to show in one hour; it is the
    twelve   the mean residual of 12 hours    } windowed form of a CUSUM and needs no restart, since the level follows

A p-value is conformal: the share of the last 4 weeks' hours that were at least as far out. Beyond the outer 3 % the ranks run
out, and a Pareto tail fitted to them carries on (peaks over threshold; Siffer et al., "Anomaly Detection in Streams with Extreme
Value Theory", KDD 2017): a record by a hair is worth 1/(N+1), one by a factor much less. A series full of spikes has a heavy tail
and needs a larger one.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import numpy as np
import numpy.typing as npt

from sloengine.cost.anomaly.levels import DAY, WEEK, Floats, daily_scale

MEMORY_DAYS = 28
OUTER = 0.03
LEAST_TAIL = 0.02
#: Below so many hours of past no p-value is given.
LEAST_HOURS = 24
#: Until then every hour is past to those after it, whether it tells anything or not: there is no better.
YOUNG = 14 * DAY
#: The past is looked at anew every so many hours: what was alarming then is less so again.
EVERY = 6


class View(StrEnum):
    POINT = "point"
    JUMP = "jump"
    THREE = "three hours"
    TWELVE = "twelve hours"


VIEWS = tuple(View)


@dataclass(frozen=True, slots=True)
class Scored:
    """Series x hours. `p` is that of the most improbable view; `rate` how many such hours a week would have by chance."""

    p: Floats
    view: npt.NDArray[np.int64]  # a place in VIEWS
    noises: Floats  # the residual, signed

    @property
    def rate(self) -> Floats:
        return self.p * WEEK


def scored(residuals: Floats, telling: npt.NDArray[np.bool_]) -> Scored:
    """Residuals are series x hours in logs, NaN where nothing is known: such hours have p 1 and are no past to others; nor are
    those that are not `telling` (by hour), though they are judged themselves."""
    known = np.isfinite(residuals)
    clean = np.where(known, residuals, 0.0)
    streams = (clean, np.diff(clean, axis=1, prepend=clean[:, :1]), moving(clean, 3), moving(clean, 12))
    found = []
    hours = np.arange(residuals.shape[1])
    for stream in streams:
        masked = np.where(known, stream, np.nan)
        found.append(masked / daily_scale(np.where(telling | (hours < YOUNG), masked, np.nan)))
    logs = np.stack([tail(stream, telling) for stream in found])
    best = np.argmax(logs, axis=0)
    return Scored(10.0 ** -np.max(logs, axis=0), best, np.nan_to_num(found[0]))


def moving(values: Floats, hours: int) -> Floats:
    """The mean of each hour and those before it, `hours` in all; of fewer at the beginning."""
    sums = np.cumsum(np.pad(values, ((0, 0), (1, 0))), axis=1)
    length = values.shape[1]
    first = np.maximum(np.arange(length) + 1 - hours, 0)
    means: Floats = (sums[:, 1:] - sums[:, first]) / (np.arange(length) + 1 - first)
    return means


def tail(noises: Floats, telling: npt.NDArray[np.bool_]) -> Floats:
    """-log10 of the p-value of each hour against the 4 weeks before it; 0 where less than a day of them is known."""
    count, length = noises.shape
    size = np.where(np.isfinite(noises), np.log1p(np.abs(noises)), -np.inf)
    found = np.zeros((count, length))
    told = np.where(telling, size, -np.inf)
    for at in range(LEAST_HOURS, length, EVERY):
        past = np.sort((told if at >= YOUNG else size)[:, max(0, at - MEMORY_DAYS * DAY) : at], axis=1)
        found[:, at : at + EVERY] = _against(past, size[:, at : at + EVERY])
    return found


def _against(past: Floats, now: Floats) -> Floats:
    """`past` is sorted, what is unknown (-inf) first. Rows are series."""
    width = past.shape[1]
    known = np.sum(np.isfinite(past), axis=1, keepdims=True)
    judged = known >= LEAST_HOURS
    first = width - known + ((1 - OUTER) * np.maximum(known - 1, 0)).astype(np.int64)
    edge = np.where(judged, np.take_along_axis(past, np.minimum(first, width - 1), axis=1), 0.0)
    beyond = np.arange(width)[None, :] > first
    above = np.where(beyond & judged, np.where(judged, past, 0.0) - edge, 0.0)
    excess = np.maximum(np.sum(above, axis=1, keepdims=True) / np.maximum(width - 1 - first, 1), LEAST_TAIL)
    far = np.log10(1 / OUTER) + (now - edge) / excess / np.log(10)
    # Inside the edge only the rank among the outer tenth matters to anyone.
    outer = past[:, int(0.9 * width) :]
    rank = np.sum(outer[:, None, :] >= now[:, :, None], axis=2)
    near = -np.log10((rank + 1) / (known + 1))
    return np.where(judged & np.isfinite(now), np.where(now > edge, far, np.maximum(near, 0.0)), 0.0)
