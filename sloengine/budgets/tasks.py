"""The beat's way in."""

from __future__ import annotations

from celery import shared_task

from observability.core import clock
from sloengine.budgets import services


@shared_task(ignore_result=True)
def evaluate_due(**_kwargs: object) -> None:
    services.evaluate_due(now=clock.now())
