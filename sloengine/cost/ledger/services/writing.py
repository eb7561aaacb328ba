"""Rows of the ledger: the series of a slice, an hour's rows, and sums of days."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime

from observability.core import prepared
from sloengine.catalog.models import Service
from sloengine.cost.ledger.meters import COLUMNS, Slice, Usage
from sloengine.cost.ledger.models import CostSeries, FocusDay, LedgerDays
from sloengine.cost.ledger.stretches import DAY, day_of

_DIMENSIONS = ("model", "variant", "region", "hardware", "purchase", "tenant", "tag")


def write_hour(*, service: Service, at: datetime, usage: Usage, origin: str = CostSeries.Origin.MEASURED) -> int:
    """The rows of the hour that begins at `at`; an hour that stands already stays as it is. The number of rows."""
    if not usage:
        return 0
    ids = series_ids(service=service, slices=usage, origin=origin)
    rows = [(ids[one], *amounts.values) for one, amounts in usage.items()]
    insert_rows(at=[at] * len(rows), rows=rows)
    sum_days(organisation_id=service.organisation_id, days={day_of(at)})
    return len(rows)


def series_ids(
    *, service: Service, slices: Iterable[Slice], origin: str = CostSeries.Origin.MEASURED
) -> dict[Slice, int]:
    """The series of these slices, made where they are new."""
    wanted = set(slices)
    found = _known(service, origin)
    new = sorted(one for one in wanted if one not in found)
    if new:
        rows = [
            CostSeries(
                organisation_id=service.organisation_id,
                service=service,
                origin=origin,
                **{name: getattr(one, name) for name in _DIMENSIONS},
            )
            for one in new
        ]
        CostSeries.objects.bulk_create(rows, ignore_conflicts=True)
        found = _known(service, origin)
    return {one: found[one] for one in wanted}


def _known(service: Service, origin: str) -> dict[Slice, int]:
    rows = CostSeries.objects.filter(service=service, origin=origin).values_list("pk", *_DIMENSIONS)
    return {Slice(*words): number for number, *words in rows}


_INSERT = f"""
INSERT INTO sloengine_usagehour (taken_from_id, at, series_id, {", ".join(COLUMNS)})
SELECT %s::bigint, * FROM unnest(%s::timestamptz[], {", ".join(["%s::bigint[]"] * (1 + len(COLUMNS)))}) ON CONFLICT DO NOTHING
"""  # noqa: S608 - our own names


def insert_rows(*, at: Sequence[datetime], rows: Sequence[Sequence[int]], taken_from: int | None = None) -> None:
    """Rows of (series, *quantities) at their instants."""
    prepared.rows(_INSERT, [taken_from, list(at), *map(list, zip(*rows, strict=True))])


_FORGET = """
DELETE FROM sloengine_usageday USING sloengine_costseries AS series
WHERE series.id = series_id AND series.organisation_id = %s AND at = ANY(%s::timestamptz[])
"""
_SUM = f"""
INSERT INTO sloengine_usageday (at, series_id, {", ".join(COLUMNS)})
SELECT date_trunc('day', used.at, 'UTC') AS day, used.series_id, {", ".join(f"sum(used.{name})" for name in COLUMNS)}
FROM sloengine_usagehour AS used JOIN sloengine_costseries AS series ON series.id = used.series_id
WHERE series.organisation_id = %s AND used.at >= %s AND used.at < %s
    AND date_trunc('day', used.at, 'UTC') = ANY(%s::timestamptz[])
GROUP BY day, used.series_id
"""  # noqa: S608 - our own names


def sum_days(*, organisation_id: int, days: Collection[datetime]) -> None:
    """Sum these days anew, those of them that are closed; the others are summed when they close."""
    until = LedgerDays.objects.filter(organisation=organisation_id).values_list("until", flat=True).first()
    closed = sorted(day for day in days if until is not None and day < until)
    if closed:
        FocusDay.objects.filter(organisation=organisation_id, day__in=closed).delete()  # its file is written anew
        prepared.rows(_FORGET, [organisation_id, closed])
        prepared.rows(_SUM, [organisation_id, closed[0], closed[-1] + DAY, closed])
