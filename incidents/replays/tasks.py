"""What the workers do for the shadow log."""

from __future__ import annotations

from celery import shared_task

from incidents.replays import services
from observability.core import clock


@shared_task(ignore_result=True)
def keep_due() -> None:
    services.keep_due(now=clock.now())
