"""Signs of life from the workers."""

from __future__ import annotations

from celery import shared_task

from observability.core import clock, services


@shared_task(ignore_result=True)
def beat_fast() -> None:
    services.beat(part="worker:fast", now=clock.now())


@shared_task(ignore_result=True)
def beat_slow() -> None:
    services.beat(part="worker:slow", now=clock.now())
