"""What beat calls; the work is in the services."""

from __future__ import annotations

from celery import shared_task

from observability.core import clock
from sloengine.rollups import services


@shared_task
def ensure_partitions(**_ignored: object) -> None:
    services.ensure_partitions(now=clock.now())


@shared_task
def thin_and_prune(**_ignored: object) -> None:
    services.thin_and_prune(now=clock.now())
