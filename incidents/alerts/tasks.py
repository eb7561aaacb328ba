"""What the fast worker does for alerts."""

from __future__ import annotations

from celery import shared_task

from incidents.alerts import services
from observability.core import clock


@shared_task(ignore_result=True)
def pull_findings() -> None:
    services.pull_findings(now=clock.now())
