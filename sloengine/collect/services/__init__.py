"""Collecting: ticks.py does one tick in one transaction, state.py knows what a source counted so far, connect.py says where from."""

from __future__ import annotations

from sloengine.collect.services.connect import connect, connect_configured, look
from sloengine.collect.services.state import forget_states
from sloengine.collect.services.ticks import collect_due, collect_reading, source_for
from sloengine.rollups.queries.rows import forget_rows
from sloengine.rollups.queries.slots import forget_slots
from sloengine.rollups.queries.windows import forget_points
from sloengine.rollups.services.rows import forget_partitions

__all__ = ["collect_due", "collect_reading", "connect", "connect_configured", "forget", "look", "source_for"]


def forget() -> None:
    """Drop all that this process remembers of sources, slots, rows and partitions, for a database that was replaced."""
    forget_states()
    forget_slots()
    forget_rows()
    forget_points()
    forget_partitions()
