"""Writing rollups: rows.py appends them and keeps their partitions, backfill.py writes history, upkeep.py prunes."""

from __future__ import annotations

from sloengine.rollups.services.backfill import BackfillTooLate, Chunk, backfill
from sloengine.rollups.services.rows import ensure_partitions
from sloengine.rollups.services.upkeep import thin_and_prune

__all__ = ["BackfillTooLate", "Chunk", "backfill", "ensure_partitions", "thin_and_prune"]
