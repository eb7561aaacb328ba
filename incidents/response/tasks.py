"""What the fast worker does for incidents themselves."""

from __future__ import annotations

from celery import shared_task

from incidents.response import services
from observability.core import clock


@shared_task(ignore_result=True)
def expire_answers() -> None:
    services.expire_answers(now=clock.now())
