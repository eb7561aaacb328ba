"""The beat's way in."""

from __future__ import annotations

from celery import shared_task

from observability.core import clock
from sloengine.cost import services


@shared_task(ignore_result=True)
def evaluate_costs(**_kwargs: object) -> None:
    services.evaluate_costs(now=clock.now())
