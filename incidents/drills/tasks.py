"""What the workers do for drills."""

from __future__ import annotations

from celery import shared_task

from incidents.drills import services
from observability.core import clock


@shared_task(ignore_result=True)
def drive_due() -> None:
    services.drive_due(now=clock.now())
