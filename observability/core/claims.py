"""Rows hand work over: take due rows under a lease, and hurry the worker along.

A claimed row carries `lease_until`; a worker that dies loses its lease and the row is due again. So work is done at least
once and never lost, whatever happens to the broker.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, Protocol, TypeVar

from django.db import models, transaction
from django.db.models import Q
from kombu.exceptions import OperationalError as BrokerError

log = logging.getLogger(__name__)


class Leased(models.Model):
    """A row that workers claim: due at `due_at`, held by one of them until `lease_until`."""

    due_at = models.DateTimeField()
    lease_until = models.DateTimeField(null=True, blank=True)

    class Meta:
        abstract = True


Row = TypeVar("Row", bound=Leased)


class Task(Protocol):
    name: str

    def delay(self) -> object: ...


def claim(queryset: models.QuerySet[Row], *, now: datetime, lease: timedelta, limit: int) -> list[Row]:
    """Up to `limit` rows of `queryset` that are due at `now` and held by nobody, oldest first, leased until now + lease.

    SKIP LOCKED keeps rival workers apart while the lease is written; the lease keeps them apart afterwards.
    """
    with transaction.atomic():
        free = Q(lease_until__isnull=True) | Q(lease_until__lte=now)
        rows = list(
            queryset.filter(free, due_at__lte=now)
            .order_by("due_at", "pk")
            .select_for_update(skip_locked=True, of=("self",))[:limit]
        )
        if rows:
            queryset.model._default_manager.filter(pk__in=[row.pk for row in rows]).update(lease_until=now + lease)
        for row in rows:
            row.lease_until = now + lease
        return rows


def one_at_a_time(due: models.QuerySet[Any], act: Callable[[Any], None], *, at_once: int = 100) -> int:
    """`act` on each row that is due, locked, in a transaction of its own, if it is due still; how many. Nobody waits for a lock."""
    done = 0
    for pk in list(due.values_list("pk", flat=True)[:at_once]):
        with transaction.atomic():
            row = due.filter(pk=pk).select_for_update(skip_locked=True, of=("self",)).first()
            if row is not None:
                act(row)
                done += 1
    return done


def nudge(task: Task) -> None:
    """Ask a worker to run `task` once this transaction commits. A broker that is down only costs time: beat asks again."""

    def send() -> None:
        try:
            task.delay()
        except (BrokerError, OSError) as error:
            log.warning("could not nudge %s, beat will: %s", task.name, error)

    transaction.on_commit(send)
