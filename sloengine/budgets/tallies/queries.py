"""Tallies at given instants: the last row at or before each, for all objectives in one statement."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
import numpy.typing as npt
from django.db import connection

Row = npt.NDArray[np.float64]  # seven numbers
Rows = npt.NDArray[np.float64]  # instants x seven numbers
NUMERATOR, DENOMINATOR, GOOD, TOTAL, COVERED, READINGS, SEEN_AT = range(7)

_AT = """
SELECT o.place, e.place, extract(epoch FROM t.tick)::float8, t.numerator, t.denominator, t.good, t.total, t.covered_seconds, t.readings,
    extract(epoch FROM t.seen_at)::float8
FROM unnest(%s::bigint[]) WITH ORDINALITY AS o(id, place)
CROSS JOIN unnest(%s::timestamptz[]) WITH ORDINALITY AS e(edge, place)
CROSS JOIN LATERAL (
    (SELECT 0 AS rank, s.* FROM sloengine_tally s WHERE s.objective_id = o.id AND s.tick <= e.edge ORDER BY s.tick DESC LIMIT 1)
    UNION ALL
    (SELECT 1 AS rank, s.* FROM sloengine_tally s WHERE s.objective_id = o.id ORDER BY s.tick LIMIT 1)
    ORDER BY rank LIMIT 1
) t
"""


@dataclass(frozen=True, slots=True)
class TallyTable:
    """`values[objective, edge]` holds numerator, denominator, good, total, covered seconds and readings since the beginning, and when
    the signal was last seen (unix seconds, NaN for never).

    `ticks` is the instant of the row that answered, NaT where the objective has none. An edge before the first row is
    answered by the first row: the window is then what exists.
    """

    values: npt.NDArray[np.float64]
    ticks: npt.NDArray[np.float64]  # unix seconds, NaN for none


def at(*, objectives: Sequence[int], edges: Sequence[datetime]) -> TallyTable:
    """The totals of each objective at each edge."""
    values = np.zeros((len(objectives), len(edges), 7))
    ticks = np.full((len(objectives), len(edges)), np.nan)
    if objectives and edges:
        with connection.cursor() as cursor:
            cursor.execute(_AT, [list(objectives), list(edges)])
            for objective, edge, tick, *numbers in cursor.fetchall():
                values[objective - 1, edge - 1] = numbers
                ticks[objective - 1, edge - 1] = tick
    return TallyTable(values=values, ticks=ticks)
