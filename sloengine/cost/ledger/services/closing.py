"""close_hours: hours that are over go from rollups into the ledger, each once; days that are over are summed."""

from __future__ import annotations

import logging
from datetime import datetime, timedelta

from django.db import transaction

from observability.core import prepared, questions
from sloengine.catalog.models import Service
from sloengine.cost.ledger.models import CostSeries, LedgerCursor, LedgerDays
from sloengine.cost.ledger.queries import measured
from sloengine.cost.ledger.services.sharing import share_nodes
from sloengine.cost.ledger.services.writing import sum_days, write_hour
from sloengine.cost.ledger.stretches import DAY, HOUR, day_of, hour_of
from sloengine.rollups import queries as rollups

log = logging.getLogger(__name__)

FAMILIES = ("tenant_tokens_total", "prompt_tokens_total", "generated_tokens_total", "client_generated_tokens_total")
#: A service that could not be read for longer is caught up a piece at a time.
MOST_HOURS = 24
#: A day is summed once every service has had the time to close it; one that comes later has it summed anew.
SUMMED_AFTER = timedelta(hours=2)

_ANY_OVER = questions.Question(f"""
EXISTS (
    SELECT FROM sloengine_service AS service
    JOIN sloengine_metricsource AS source USING (organisation_id)
    LEFT JOIN sloengine_ledgercursor AS cursor ON cursor.service_id = service.id
    WHERE date_bin('1 hour', source.last_tick, 'epoch') > coalesce(cursor.until, '-infinity')
      AND EXISTS (
        SELECT FROM sloengine_slot AS slot
        WHERE slot.service_id = service.id AND slot.family = ANY(ARRAY{list(FAMILIES)}) AND slot.source_id = source.id
      )
) OR EXISTS (SELECT FROM sloengine_ledgerdays AS days WHERE days.until <= %(now)s - interval '1 day 2 hours')
OR EXISTS (
    SELECT FROM core_organisation AS owner
    WHERE NOT EXISTS (SELECT FROM sloengine_ledgerdays AS days WHERE days.organisation_id = owner.id)
      AND EXISTS (SELECT FROM sloengine_costseries AS series WHERE series.organisation_id = owner.id)
)
""")  # noqa: S608 - our own words


@questions.first(_ANY_OVER)
def close_hours(*, now: datetime) -> int:
    """Write every hour that is over and was read to its end; the number of hours written."""
    written = 0
    cursors: dict[int, datetime] = dict(prepared.rows("SELECT service_id, until FROM sloengine_ledgercursor"))
    with rollups.snapshot():
        for service in Service.objects.filter(slots__family__in=FAMILIES).distinct().order_by("pk"):
            newest = rollups.newest(service=service)
            if newest is not None and hour_of(newest) != cursors.get(service.pk):
                written += _guarded(service, until=hour_of(newest))
    for organisation_id in CostSeries.objects.values_list("organisation_id", flat=True).distinct():
        _close_days(organisation_id, until=day_of(now - SUMMED_AFTER))
        share_nodes(organisation_id)
    return written


def _guarded(service: Service, *, until: datetime) -> int:
    """What breaks in one service is logged and tried again; the others are written all the same."""
    try:
        return _close(service, until=until)
    except Exception:
        log.exception("the use of service %s could not be written to the ledger", service.pk)
        return 0


@transaction.atomic
def _close(service: Service, *, until: datetime) -> int:
    held = prepared.objects(LedgerCursor, "WHERE service_id = %s FOR UPDATE SKIP LOCKED", [service.pk])
    if not held:
        # The first time: the ledger begins with the hour that runs. `cost fill` takes over what rollups hold of earlier ones.
        LedgerCursor.objects.bulk_create([LedgerCursor(service=service, until=until)], ignore_conflicts=True)
        return 0
    at = held[0].until
    written = 0
    while at < until and written < MOST_HOURS:
        write_hour(service=service, at=at, usage=measured(service=service, start=at, end=at + HOUR))
        at += HOUR
        written += 1
    LedgerCursor.objects.filter(pk=held[0].pk).update(until=at)
    return written


@transaction.atomic
def fill_hours(*, service: Service, since: datetime) -> int:
    """Hours before the ledger began, as far as rollups still hold them; hours that have rows stay. The number of hours written."""
    held = prepared.objects(LedgerCursor, "WHERE service_id = %s FOR UPDATE", [service.pk])
    if not held:
        return 0
    at, until = hour_of(since), held[0].until
    known = {hour_of(hour) for (hour,) in prepared.rows(_KNOWN, [service.pk, at, until])}
    hours = 0
    while at < until:
        if at not in known and write_hour(
            service=service, at=at, usage=measured(service=service, start=at, end=at + HOUR)
        ):
            hours += 1
        at += HOUR
    return hours


_KNOWN = """
SELECT DISTINCT used.at FROM sloengine_usagehour AS used JOIN sloengine_costseries AS series ON series.id = used.series_id
WHERE series.service_id = %s AND used.at >= %s AND used.at < %s
"""


def _close_days(organisation_id: int, *, until: datetime) -> None:
    row = LedgerDays.objects.filter(organisation=organisation_id).first()
    if row is None:
        LedgerDays.objects.bulk_create(
            [LedgerDays(organisation_id=organisation_id, until=until)], ignore_conflicts=True
        )
        first = prepared.rows(_FIRST, [organisation_id])[0][0]
        days = [] if first is None else _days(day_of(first), until)
    elif row.until >= until:
        return
    else:
        LedgerDays.objects.filter(pk=row.pk).update(until=until)
        days = _days(row.until, until)
    sum_days(organisation_id=organisation_id, days=days)


_FIRST = """
SELECT min(used.at) FROM sloengine_usagehour AS used
JOIN sloengine_costseries AS series ON series.id = used.series_id WHERE series.organisation_id = %s
"""


def _days(start: datetime, end: datetime) -> list[datetime]:
    return [start + DAY * i for i in range((end - start) // DAY)]
