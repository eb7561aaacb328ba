"""What the fast worker does for updates."""

from __future__ import annotations

from celery import shared_task

from incidents.updates import services
from observability.core import clock


@shared_task(ignore_result=True)
def remind_due() -> None:
    services.remind_due(now=clock.now())
