"""What the fast worker does for actions."""

from __future__ import annotations

from celery import shared_task

from incidents.actions import services
from observability.core import clock


@shared_task(ignore_result=True)
def propose_due() -> None:
    services.propose_due(now=clock.now())


@shared_task(ignore_result=True)
def run_due() -> None:
    services.run_due(now=clock.now())


@shared_task(ignore_result=True)
def verify_due() -> None:
    services.verify_due(now=clock.now())
