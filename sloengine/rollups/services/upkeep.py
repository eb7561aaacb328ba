"""Old rows go, partition by partition."""

from __future__ import annotations

import logging
from datetime import datetime, timedelta
from typing import Final, cast

from django.db import OperationalError, connection, transaction

from sloengine.collect.models import Block, MetricSource, Tick
from sloengine.rollups.models import PARTITIONED, TALLY_TABLES
from sloengine.rollups.services.rows import drop_partitions, ensure_partitions, stand_in
from sloengine.rollups.thinning import FINEST, FIVE_MINUTES, HOUR, droppable

log = logging.getLogger(__name__)

#: Tick rows say what a source looked like; the 5-minute tier covers as much.
KEEP_TICKS: Final = timedelta(days=4)


def thin_and_prune(*, now: datetime) -> int:
    """Make partitions ahead, drop those past their tier's time, delete old ticks; the number of partitions dropped.

    Thinning itself happens as ticks are written (`thinning.tiers_of`): a row goes at once into each tier that keeps it.
    """
    with transaction.atomic():
        ensure_partitions(now=now)
        _keep_the_silent(now=now)
    dropped = 0
    for table, tier in PARTITIONED:
        before = droppable(tier, now=now)
        try:
            with transaction.atomic():
                dropped += drop_partitions(table=table, before=before)
        except OperationalError as busy:
            log.info("%s is pruned next time: %s", table, busy)
    Tick.objects.filter(at__lt=now - KEEP_TICKS).delete()
    return dropped


def _keep_the_silent(*, now: datetime) -> None:
    """The newest row of a source that is silent for longer than the finest tier keeps it lives on in the coarser ones: its
    totals go on from there, should it come back. And so do the sums of objectives that were last counted so long ago."""
    for source in MetricSource.objects.filter(last_tick__lt=now - FINEST.keep):
        blocks = list(source.blocks.filter(scope=Block.Scope.SERVICE).values_list("pk", flat=True))
        for tier in (FIVE_MINUTES, HOUR):
            stand_in(tier=tier, finest=FINEST, block_ids=blocks, at=cast(datetime, source.last_tick))
    with connection.cursor() as cursor:
        for tier in (FIVE_MINUTES, HOUR):
            cursor.execute(
                f"INSERT INTO {TALLY_TABLES[tier]} (block_id, at, sums) SELECT row.block_id, row.at, row.sums"  # noqa: S608 - our own names
                " FROM sloengine_evaluationcursor c JOIN sloengine_tallyblock b USING (organisation_id)"
                f" JOIN {TALLY_TABLES[FINEST]} row ON row.block_id = b.id AND row.at = c.tick"
                " WHERE c.tick < %s ON CONFLICT DO NOTHING",
                [now - FINEST.keep],
            )
