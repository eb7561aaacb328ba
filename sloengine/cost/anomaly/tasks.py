"""The beat's way in."""

from __future__ import annotations

from celery import shared_task

from observability.core import clock
from sloengine.cost.anomaly import services


@shared_task(ignore_result=True)
def judge_spend(**_kwargs: object) -> None:
    services.judge_spend(now=clock.now())
