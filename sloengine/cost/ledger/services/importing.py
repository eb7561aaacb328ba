"""Usage from files: taken whole or not at all, each row once, and withdrawn as a whole."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from datetime import datetime

from django.db import transaction

from observability.core import audit, permissions, prepared
from observability.core.models import Organisation
from observability.core.permissions import Actor, Verb
from observability.core.refusals import Refused
from sloengine.catalog.models import Service
from sloengine.cost.ledger import usagefile
from sloengine.cost.ledger.models import CostSeries, UsageHour, UsageImport
from sloengine.cost.ledger.services.writing import insert_rows, series_ids, sum_days
from sloengine.cost.ledger.stretches import HOUR, day_of, hour_of
from sloengine.cost.ledger.tables import BadTable, Problem
from sloengine.cost.ledger.usagefile import Used

IMPORTED = CostSeries.Origin.IMPORTED
PIECE = 2000


@transaction.atomic
def import_usage(
    *, organisation: Organisation, name: str, text: str, actor: Actor, now: datetime, service: str = "",
    tenant_from: str = "project_id", new_services: bool = False, progress: Callable[[int, int], None] | None = None,
) -> UsageImport:  # fmt: skip
    """A CSV file, or with `service` an OpenAI-style export of that service. BadTable names what is wrong, and nothing is kept."""
    permissions.require(actor, Verb.MANAGE_PRICES, organisation)
    Organisation.objects.select_for_update().get(pk=organisation.pk)
    rows = (
        usagefile.read_openai(text, service=service, tenant_from=tenant_from) if service else usagefile.read_csv(text)
    )
    if not rows:
        raise BadTable([Problem(0, "-", "no row", "at least one")])
    services = _services(organisation, rows, new_services)
    by_service: dict[str, list[Used]] = defaultdict(list)
    for row in rows:
        by_service[row.service].append(row)
    problems = usagefile.late(rows, now=now)
    for slug, mine in by_service.items():
        problems += [*_twice(services[slug], mine), *_counted(services[slug], mine)]
    if problems:
        raise BadTable(sorted(problems, key=lambda one: one.row))
    taken = UsageImport.objects.create(
        organisation=organisation, name=name[:200], kind="openai" if service else "csv", rows=len(rows), by=actor.name[:200],
        at=now, tokens=sum(sum(row.quantities.tokens.values()) for row in rows),
    )  # fmt: skip
    done = 0
    for slug, mine in by_service.items():
        ids = series_ids(service=services[slug], slices={row.slice for row in mine}, origin=IMPORTED)
        for start in range(0, len(mine), PIECE):
            piece = mine[start : start + PIECE]
            values = [(ids[row.slice], *row.quantities.values) for row in piece]
            insert_rows(at=[row.at for row in piece], rows=values, taken_from=taken.pk)
            done += len(piece)
            if progress is not None:
                progress(done, len(rows))
    sum_days(organisation_id=organisation.pk, days={day_of(row.at) for row in rows})
    payload = {"rows": taken.rows, "tokens": taken.tokens, "name": taken.name}
    audit.record(actor=actor, verb="import_usage", obj=taken, now=now, payload=payload)
    return taken


@transaction.atomic
def withdraw_import(*, taken: UsageImport, actor: Actor, now: datetime) -> None:
    """Its rows go; the same file can be taken over again."""
    permissions.require(actor, Verb.MANAGE_PRICES, taken)
    if taken.withdrawn_at is not None:
        raise Refused(f"{taken} was withdrawn already.")
    rows = UsageHour.objects.filter(taken_from=taken)
    days = {day_of(at) for at in rows.values_list("at", flat=True).distinct()}
    rows.delete()
    sum_days(organisation_id=taken.organisation_id, days=days)
    taken.withdrawn_at = now
    taken.save(update_fields=["withdrawn_at"])
    audit.record(actor=actor, verb="withdraw_import", obj=taken, now=now, payload={"name": taken.name})


def _services(organisation: Organisation, rows: Sequence[Used], new_services: bool) -> dict[str, Service]:
    known = {one.slug: one for one in Service.objects.filter(organisation=organisation)}
    for slug in sorted({row.service for row in rows} - set(known)) if new_services else ():
        known[slug] = Service.objects.create(organisation=organisation, slug=slug, name=slug)
    expected = f"one of {', '.join(sorted(known)) or 'none yet'} (or allow new services)"
    problems = [Problem(row.number, "service", repr(row.service), expected) for row in rows if row.service not in known]
    if problems:
        raise BadTable(problems)
    return known


_HELD = """
SELECT given.place FROM unnest(%s::int[], %s::bigint[], %s::timestamptz[]) AS given (place, series_id, at)
JOIN sloengine_usagehour AS used ON used.series_id = given.series_id AND used.at = given.at
"""


def _twice(service: Service, rows: Sequence[Used]) -> list[Problem]:
    """Rows whose key an earlier file had."""
    ids = series_ids(service=service, slices={row.slice for row in rows}, origin=IMPORTED)
    held = prepared.rows(_HELD, [list(range(len(rows))), [ids[row.slice] for row in rows], [row.at for row in rows]])
    expected = "use that no earlier file had"
    return [Problem(rows[place].number, "at", usagefile.described(rows[place]), expected) for (place,) in sorted(held)]


_MEASURED = """
SELECT DISTINCT date_trunc('hour', used.at, 'UTC') FROM sloengine_usagehour AS used
JOIN sloengine_costseries AS series ON series.id = used.series_id
WHERE series.service_id = %s AND series.origin = 'measured' AND used.at >= %s AND used.at < %s
"""


def _counted(service: Service, rows: Sequence[Used]) -> list[Problem]:
    """Rows of hours that Tailwatch counted itself: they would count twice."""
    first, last = hour_of(min(row.at for row in rows)), max(row.end for row in rows)
    hours = sorted(at for (at,) in prepared.rows(_MEASURED, [service.pk, first, last]))
    if not hours:
        return []
    expected = "an hour that was not counted from this service's own signals"
    return [
        Problem(row.number, "at", usagefile.described(row), expected)
        for row in rows
        if any(row.at < hour + HOUR and hour < row.end for hour in hours)
    ]
