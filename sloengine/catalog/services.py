"""Services and deployments are discovered, not typed in; a version nobody has seen before is a Change."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Final

from django.db import transaction

from observability.core.models import Organisation
from probes.exposition import Series
from sloengine.catalog.discovery import Found, Seen, find
from sloengine.catalog.models import Change, Deployment, Service

#: A version not seen for this long has left; seen again later it is a new deployment. A restart takes less.
LEFT_AFTER: Final = timedelta(minutes=15)


def discover(
    *, samples: Iterable[Series], organisation: Organisation, now: datetime, simulated: bool = False
) -> dict[str, Service]:
    """The organisation's services by slug, once those and the deployments that these series name are in the catalog."""
    return record(found=find(samples), organisation=organisation, now=now, simulated=simulated)


@transaction.atomic
def record(*, found: Found, organisation: Organisation, now: datetime, simulated: bool = False) -> dict[str, Service]:
    """Write down what was discovered; the organisation's services by slug.

    The first version of a service in a region is no change; a later one is: of kind deploy where version or model differ from
    the one before, of kind config where only the hash does.
    """
    known = {one.slug: one for one in Service.objects.filter(organisation=organisation)}
    new = sorted(found.services - known.keys())
    if new:
        Service.objects.bulk_create(
            [Service(organisation=organisation, slug=slug, name=slug, simulated=simulated) for slug in new],
            ignore_conflicts=True,
        )
        known.update({one.slug: one for one in Service.objects.filter(organisation=organisation, slug__in=new)})
    _deployments(found.deployments, known, now=now)
    return known


def record_change(
    *, service: Service, kind: Change.Kind, at: datetime, before: dict[str, object], after: dict[str, object]
) -> Change:
    """A change that no label shows: a traffic switch, a maintenance window."""
    return Change.objects.create(service=service, kind=kind, at=at, before=before, after=after)


def _deployments(seen: frozenset[Seen], services: dict[str, Service], *, now: datetime) -> None:
    if not seen:
        return
    rows = Deployment.objects.filter(service__in={services[one.service].pk for one in seen})
    newest = rows.order_by("service_id", "region", "-seen_from", "-pk").distinct("service_id", "region")
    latest = {(row.service_id, row.region): _what(row) for row in newest}
    serving = {
        (row.service_id, row.region, *_what(row).values()): row.pk
        for row in rows.filter(seen_until__gt=now - LEFT_AFTER)
    }
    still, new, changes = [], [], []
    for one in sorted(seen):
        service = services[one.service]
        what = {"version": one.version, "model": one.model, "config_hash": one.config_hash}
        row = serving.get((service.pk, one.region, *what.values()))
        if row is not None:
            still.append(row)
            continue
        new.append(Deployment(service=service, region=one.region, seen_from=now, seen_until=now, **what))
        before = latest.get((service.pk, one.region))
        if before is not None and before != what:
            moved = (before["version"], before["model"]) != (one.version, one.model)
            kind = Change.Kind.DEPLOY if moved else Change.Kind.CONFIG
            region = {"region": one.region}
            changes.append(
                Change(service=service, kind=kind, at=now, before={**region, **before}, after={**region, **what})
            )
        latest[service.pk, one.region] = what
    if still:
        Deployment.objects.filter(pk__in=still).update(seen_until=now)
    Deployment.objects.bulk_create(new, ignore_conflicts=True)
    Change.objects.bulk_create(changes)


def _what(row: Deployment) -> dict[str, str]:
    return {"version": row.version, "model": row.model, "config_hash": row.config_hash}
