"""The beats of the watch over schedules."""

from __future__ import annotations

from celery import shared_task

from incidents.oncall import services as oncall
from incidents.oncall.watch import services
from observability.core import clock


@shared_task(ignore_result=True)
def watch_due() -> None:
    services.watch_due(now=clock.now())


@shared_task(ignore_result=True)
def send_notices() -> None:
    services.send_notices(now=clock.now())


@shared_task(ignore_result=True)
def read_calendars() -> None:
    oncall.read_calendars(now=clock.now())
