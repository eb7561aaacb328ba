"""The beat's way in."""

from __future__ import annotations

from celery import shared_task

from dashboards.digest import services
from observability.core import clock


@shared_task(ignore_result=True)
def send_due(**_kwargs: object) -> None:
    services.send_due(now=clock.now())
