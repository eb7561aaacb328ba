"""What the workers do for diagnosis."""

from __future__ import annotations

from celery import shared_task

from incidents.diagnosis import services
from observability.core import clock


@shared_task(ignore_result=True)
def diagnose_open() -> None:
    services.diagnose_open(now=clock.now())


@shared_task(ignore_result=True)
def replay_due() -> None:
    services.replay_due(now=clock.now())
