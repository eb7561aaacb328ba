"""The beat's way in."""

from __future__ import annotations

from celery import shared_task

from observability.core import clock
from sloengine.cost.contracts import services


@shared_task(ignore_result=True)
def check_contracts(**_kwargs: object) -> None:
    services.check_contracts(now=clock.now())
