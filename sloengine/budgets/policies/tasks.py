"""The beat's way in."""

from __future__ import annotations

from celery import shared_task

from observability.core import clock
from sloengine.budgets.policies import services


@shared_task(ignore_result=True)
def enforce_due(**_kwargs: object) -> None:
    services.enforce_due(now=clock.now())
