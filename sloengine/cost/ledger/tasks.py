"""The beat's way in."""

from __future__ import annotations

from celery import shared_task

from observability.core import clock
from sloengine.cost.ledger import services


@shared_task(ignore_result=True)
def close_hours(**_kwargs: object) -> None:
    services.close_hours(now=clock.now())
