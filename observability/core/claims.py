"""Rows hand work over: take due rows under a lease, and hurry the worker along.

A claimed row carries `lease_until`; a worker that dies loses its lease and the row is due again. So work is done at least
once and never lost, whatever happens to the broker.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from functools import partial
from typing import Any, TypeVar

from celery import current_app
from django.db import connection, models, transaction
from django.db.models import Q
from kombu.exceptions import OperationalError as BrokerError

from observability.core import clock

log = logging.getLogger(__name__)

#: What a nudge says, beat says each second; a broker that did not take one is left alone for so long.
NUDGE_SECONDS = 5
_silent_until: datetime | None = None


class Leased(models.Model):
    """A row that workers claim: due at `due_at`, held by one of them until `lease_until`."""

    due_at = models.DateTimeField()
    lease_until = models.DateTimeField(null=True, blank=True)

    class Meta:
        abstract = True


Row = TypeVar("Row", bound=Leased)
Item = TypeVar("Item")
Done = TypeVar("Done")


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


def each(found: Iterable[Item], act: Callable[[Item], Done], *, failed: str) -> list[Done]:
    """What `act` returned for each. One that breaks is logged (`failed` names it: "%s could not be sent") and left out.

    It is due still, at once or when its lease runs out; the others are done now.
    """
    done = []
    for one in found:
        try:
            done.append(act(one))
        except Exception:
            log.exception(failed, one)
    return done


def one_at_a_time(due: models.QuerySet[Any], act: Callable[[Any], None], *, failed: str, at_once: int = 100) -> int:
    """`act` on each row that is due, locked, in a transaction of its own, if it is due still; how many. Nobody waits for a lock.

    One that breaks is logged, and due still: see `each`.
    """

    def locked(pk: Any) -> int:
        with transaction.atomic():
            row = due.filter(pk=pk).select_for_update(skip_locked=True, of=("self",)).first()
            if row is not None:
                act(row)
        return int(row is not None)

    return sum(each(list(due.values_list("pk", flat=True)[:at_once]), locked, failed=failed))


def nudge(task: str) -> None:
    """Ask a worker to run the task of this name once the transaction commits. A broker that is down costs time: beat asks again.

    Once a transaction, however often it is said. In virtual time nobody is asked, for its beats come by themselves.
    """
    said = {call.args[0] for _, call, *_ in connection.run_on_commit if isinstance(call, partial) and call.func is _ask}
    if not clock.is_set() and task not in said:
        transaction.on_commit(partial(_ask, task))


def _ask(task: str) -> None:
    global _silent_until
    now = clock.now()
    if _silent_until is not None and now < _silent_until:
        return
    try:
        # One try: whoever answers a request must not wait for a broker. Late it says what beat has said since.
        current_app.send_task(task, expires=NUDGE_SECONDS, retry=False, ignore_result=True)
    except (BrokerError, OSError) as error:
        _silent_until = now + timedelta(seconds=NUDGE_SECONDS)
        log.warning("could not nudge %s, beat will: %s", task, error)
