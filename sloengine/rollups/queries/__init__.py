"""Windows of a service's signals, from rollup rows alone.

    increments(...)  histogram(...)  gauge(...)     one window, by groups of labels
    points(...)                                     many windows in a row, for a chart
    increment_steps, histogram_steps, gauge_steps   the same, by groups of labels
    edges(...)                                      the instants a window truly runs between
    newest(...)                                     the last tick of a service
    silent_for(...)                                 how long nothing was read of it, None while it is in time
    snapshot()                                      a block in which what is newest is looked up once

Families are canonical names without `tailwatch_`. A window is the difference of the rows at or before its two edges; nothing is
interpolated. What was not read in the window is absent from the answer, never 0; traffic that stood still is 0.
"""

from __future__ import annotations

from sloengine.rollups.queries.slots import newest, silent_for, snapshot
from sloengine.rollups.queries.windows import (
    Groups,
    Point,
    edges,
    gauge,
    gauge_steps,
    histogram,
    histogram_steps,
    increment_steps,
    increments,
    points,
)

__all__ = [
    "Groups",
    "Point",
    "edges",
    "gauge",
    "gauge_steps",
    "histogram",
    "histogram_steps",
    "increment_steps",
    "increments",
    "newest",
    "points",
    "silent_for",
    "snapshot",
]
