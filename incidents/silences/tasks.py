"""What the fast worker does for silences."""

from __future__ import annotations

from celery import shared_task

from incidents.silences import services
from observability.core import clock


@shared_task(ignore_result=True)
def run_silences() -> None:
    services.run_silences(now=clock.now())
