"""Counting objectives: line.py advances them by a tick, places.py gives new ones a place and their past."""

from __future__ import annotations

from sloengine.budgets.tallies.services.line import Advanced, advance, forget

__all__ = ["Advanced", "advance", "forget"]
