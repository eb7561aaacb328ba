"""Old rows go, partition by partition."""

from __future__ import annotations

import logging
from datetime import datetime, timedelta
from typing import Final

from django.db import OperationalError, transaction

from sloengine.collect.models import MetricSource, Tick
from sloengine.rollups.services.rows import drop_partitions, ensure_partitions
from sloengine.rollups.thinning import FINEST, TIERS, droppable

log = logging.getLogger(__name__)

#: Tick rows say what a source looked like; the 5-minute tier covers as much.
KEEP_TICKS: Final = timedelta(days=4)


def thin_and_prune(*, now: datetime) -> int:
    """Make partitions ahead, drop those past their tier's time, delete old ticks; the number of partitions dropped.

    Thinning itself happens as ticks are written (`thinning.tiers_of`): a row goes at once into each tier that keeps it.
    """
    with transaction.atomic():
        ensure_partitions(now=now)
    newest = [at for at in MetricSource.objects.values_list("last_tick", flat=True) if at is not None]
    dropped = 0
    for tier in TIERS:
        before = droppable(tier, now=now, in_use=newest if tier is FINEST else ())
        try:
            with transaction.atomic():
                dropped += drop_partitions(tier=tier, before=before)
        except OperationalError as busy:
            log.info("the %s tier is pruned next time: %s", tier.name, busy)
    Tick.objects.filter(at__lt=now - KEEP_TICKS).delete()
    return dropped
