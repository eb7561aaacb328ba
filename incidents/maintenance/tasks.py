"""What the fast worker does for maintenance."""

from __future__ import annotations

from celery import shared_task

from incidents.maintenance import services
from observability.core import clock


@shared_task(ignore_result=True)
def run_maintenance() -> None:
    services.run_maintenance(now=clock.now())
