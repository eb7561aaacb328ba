"""Push a KPI."""

from __future__ import annotations

import math
from datetime import datetime

from django.db import transaction

from observability.core import audit, permissions
from observability.core.models import Organisation
from observability.core.permissions import Actor, Verb
from sloengine.catalog.models import Service
from sloengine.collect.models import MetricSource
from sloengine.collect.services import collect_reading
from sloengine.collect.services.ticks import floor
from sloengine.kpis.models import PushedKpi
from sloengine.sources.base import Reading

SOURCE = "pushed-kpis"


class BadPush(ValueError):
    """The message says what was found and what is expected."""


@transaction.atomic
def push(
    *,
    service: Service,
    name: str,
    actor: Actor,
    now: datetime,
    value: float | None = None,
    good: float | None = None,
    total: float | None = None,
    key: str = "",
) -> PushedKpi:
    """Take what a KPI says now: its `value`, or how many more were `good` of how many more in `total`. With a `key` a push that is
    sent again counts once. Raises BadPush."""
    permissions.require(actor, Verb.PUSH_KPI, service)
    counts = _checked(value, good, total)
    _source(service.organisation, now)
    row, fresh = PushedKpi.objects.select_for_update().get_or_create(
        service=service, name=name, organisation=service.organisation, defaults={"created_at": now, "pushed_at": now}
    )
    if fresh:  # a push a minute would bury what people did; who brought it in is kept
        audit.record(actor=actor, verb=Verb.PUSH_KPI, obj=row, now=now, payload={"service": service.slug, "name": name})
    elif key and row.last_key == key:
        return row
    elif (row.value is None) != (value is None):
        was = "counts" if row.value is None else "a value"
        raise BadPush(f"{name}: found {'a value' if row.value is None else 'counts'}, expected {was}, as it began")
    row.good, row.total = row.good + counts[0], row.total + counts[1]
    row.value, row.pushed_at, row.last_key = value, now, key
    row.save(update_fields=["good", "total", "value", "pushed_at", "last_key"])
    return row


def _checked(value: float | None, good: float | None, total: float | None) -> tuple[float, float]:
    if value is not None and good is None and total is None:
        if not math.isfinite(value):
            raise BadPush(f"value: found {value}, expected a number")
        return 0.0, 0.0
    if value is not None or good is None or total is None:
        raise BadPush("found neither a value alone nor both counts, expected value, or good and total")
    if not (math.isfinite(good) and math.isfinite(total) and 0 <= good <= total):
        raise BadPush(f"found {good:g} good of {total:g}, expected 0 <= good <= total")
    return good, total


def _source(organisation: Organisation, now: datetime) -> None:
    """Where pushed KPIs are read from at each tick. A first reading, empty: what is pushed after it is new and counts whole."""
    source, fresh = MetricSource.objects.get_or_create(
        organisation=organisation, name=SOURCE, defaults={"kind": MetricSource.Kind.PUSHED, "url": "pushed:kpis"}
    )
    if fresh:
        collect_reading(source=source, reading=Reading(floor(now, source.tick_seconds), {}))
