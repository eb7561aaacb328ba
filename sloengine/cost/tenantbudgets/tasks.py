"""The beat's way in."""

from __future__ import annotations

from celery import shared_task

from observability.core import clock
from sloengine.cost.tenantbudgets import services


@shared_task(ignore_result=True)
def check_budgets(**_kwargs: object) -> None:
    services.check_budgets(now=clock.now())
