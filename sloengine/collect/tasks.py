"""What beat calls; the work is in the services."""

from __future__ import annotations

from celery import shared_task

from observability.core import clock
from sloengine.collect import services


@shared_task
def collect_due(**_ignored: object) -> None:
    services.collect_due(now=clock.now())


@shared_task
def catch_up_due(**_ignored: object) -> None:
    services.catch_up_due(now=clock.now())
