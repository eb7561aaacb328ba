"""What the fast worker does for snoozed incidents."""

from __future__ import annotations

from celery import shared_task

from incidents.command import services
from observability.core import clock


@shared_task(ignore_result=True)
def wake_due() -> None:
    services.wake_due(now=clock.now())
