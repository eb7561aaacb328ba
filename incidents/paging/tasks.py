"""What the fast worker does for pages."""

from __future__ import annotations

from celery import shared_task

from incidents.paging import services
from observability.core import clock


@shared_task(ignore_result=True)
def deliver_due() -> None:
    services.deliver_due(now=clock.now())


@shared_task(ignore_result=True)
def escalate_due() -> None:
    services.escalate_due(now=clock.now())


@shared_task(ignore_result=True)
def audit_pages() -> None:
    services.audit_pages(now=clock.now())


@shared_task(ignore_result=True)
def report_health() -> None:
    services.report_health(now=clock.now())
