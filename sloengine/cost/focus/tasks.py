"""The beat's way in."""

from __future__ import annotations

from celery import shared_task

from observability.core import clock
from sloengine.cost.focus import services


@shared_task(ignore_result=True)
def write_days(**_kwargs: object) -> None:
    services.write_days(now=clock.now())
