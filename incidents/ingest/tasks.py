"""What the workers do for ingest."""

from __future__ import annotations

from celery import shared_task

from incidents.ingest import services
from observability.core import clock


@shared_task(ignore_result=True)
def check_silence() -> None:
    services.check_silence(now=clock.now())


@shared_task(ignore_result=True)
def prune_events() -> None:
    services.prune_events(now=clock.now())
