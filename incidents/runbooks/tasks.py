"""What the workers do for runbooks."""

from __future__ import annotations

from celery import shared_task

from incidents.runbooks import services
from observability.core import clock


@shared_task(ignore_result=True)
def run_due() -> None:
    services.run_due(now=clock.now())


@shared_task(ignore_result=True)
def read_folder() -> None:
    services.read_folder(now=clock.now())
