"""Collecting.

reading.py  asks the sources, side by side
ticks.py    counts one tick in one transaction
state.py    knows what a source counted so far
connect.py  says where from
survey.py   looks at a source for the first time
"""

from __future__ import annotations

from sloengine.collect.services.connect import connect, connect_configured
from sloengine.collect.services.reading import history_source, source_for
from sloengine.collect.services.state import forget_states
from sloengine.collect.services.ticks import catch_up_due, collect_due, collect_reading
from sloengine.rollups.queries.rows import forget_rows
from sloengine.rollups.queries.slots import forget_slots
from sloengine.rollups.queries.windows import forget_points
from sloengine.rollups.services.rows import forget_partitions

__all__ = [
    "catch_up_due",
    "collect_due",
    "collect_reading",
    "connect",
    "connect_configured",
    "forget",
    "history_source",
    "look",
    "source_for",
]


def forget() -> None:
    """Drop all that this process remembers of sources, slots, rows and partitions, for a database that was replaced."""
    forget_states()
    forget_slots()
    forget_rows()
    forget_points()
    forget_partitions()
