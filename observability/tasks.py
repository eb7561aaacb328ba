"""What beat says each second on each queue: ask who is due, and send it."""

from __future__ import annotations

from functools import lru_cache

from celery import current_app, shared_task

from observability.celery import BEAT, FAST, SLOW
from observability.core import clock
from observability.rounds import Round


@shared_task(ignore_result=True)
def ask_fast() -> None:
    _send_due(FAST)


@shared_task(ignore_result=True)
def ask_slow() -> None:
    _send_due(SLOW)


@lru_cache(maxsize=2)
def _round(queue: str) -> Round:
    return Round([beat for beat in BEAT if beat.asks and beat.queue == queue])


def _send_due(queue: str) -> None:
    for beat in _round(queue).due(now=clock.now()):
        current_app.send_task(beat.task, **beat.options)
