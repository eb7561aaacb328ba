"""Collecting: ticks.py does one tick in one transaction, state.py knows what a source counted so far."""

from __future__ import annotations

from sloengine.collect.services.state import forget
from sloengine.collect.services.ticks import collect_due, collect_reading, source_for

__all__ = ["collect_due", "collect_reading", "forget", "source_for"]
