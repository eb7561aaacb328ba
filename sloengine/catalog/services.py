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

#: A version not seen for this long has left; seen again it is a new deployment, and where another came between, a change back.
LEFT_AFTER: Final = timedelta(minutes=3)
#: What serves is looked at this often at least, so whatever was seen lately has a newer row.
LOOK_BACK: Final = timedelta(minutes=15)


def discover(
    *, samples: Iterable[Series], organisation: Organisation, now: datetime, simulated: bool = False
) -> dict[str, Service]:
    """The organisation's services by slug, once those and the deployments that these series name are in the catalog."""
    return record(found=find(samples), organisation=organisation, now=now, simulated=simulated)


@transaction.atomic
def record(
    *,
    found: Found,
    organisation: Organisation,
    now: datetime,
    simulated: bool = False,
    before: Found | None = None,
    before_at: datetime | None = None,
) -> dict[str, Service]:
    """Write down what was discovered now, and that `before` was seen until `before_at`; the organisation's services by slug.
    Without `before`, what was seen in the last 15 minutes is taken to have been there all the while.

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
    if found.deployments:
        _deployments(
            found.deployments, known, now=now, before=(before or found).deployments, before_at=before_at or now
        )
    return known


def record_change(
    *, service: Service, kind: Change.Kind, at: datetime, before: dict[str, object], after: dict[str, object]
) -> Change:
    """A change that no label shows: a traffic switch, a maintenance window."""
    return Change.objects.create(service=service, kind=kind, at=at, before=before, after=after)


def _deployments(
    seen: frozenset[Seen], services: dict[str, Service], *, now: datetime, before: frozenset[Seen], before_at: datetime
) -> None:
    rows = Deployment.objects.filter(service__in={services[one.service].pk for one in seen})
    newest = rows.order_by("service_id", "region", "-seen_from", "-pk").distinct("service_id", "region")
    latest = {(row.service_id, row.region): _what(row) for row in newest}
    recent = {_key(row): row for row in rows.filter(seen_until__gt=now - LOOK_BACK).order_by("seen_from")}
    left = [row for one in before - seen if (row := recent.get(_place(services[one.service], one))) is not None]
    for row in [
        *left,
        *(recent[key] for one in before & seen if (key := _place(services[one.service], one)) in recent),
    ]:
        row.seen_until = max(row.seen_until, before_at)
    still, new, changes = [], [], []
    for one in sorted(seen):
        service = services[one.service]
        what = {"version": one.version, "model": one.model, "config_hash": one.config_hash}
        row = recent.get(_place(service, one))
        if row is not None and row.seen_until > now - LEFT_AFTER:
            still.append(row.pk)
            continue
        new.append(Deployment(service=service, region=one.region, seen_from=now, seen_until=now, **what))
        old = latest.get((service.pk, one.region))
        if old is not None and _differs(old, what):
            moved = (old["version"], old["model"]) != (one.version, one.model)
            kind = Change.Kind.DEPLOY if moved else Change.Kind.CONFIG
            region = {"region": one.region}
            changes.append(
                Change(service=service, kind=kind, at=now, before={**region, **old}, after={**region, **what})
            )
        latest[service.pk, one.region] = what
    if left:
        Deployment.objects.filter(pk__in=[row.pk for row in left]).update(seen_until=before_at)
    if still:
        Deployment.objects.filter(pk__in=still).update(seen_until=now)
    Deployment.objects.bulk_create(new, ignore_conflicts=True)
    Change.objects.bulk_create(changes)


def _place(service: Service, one: Seen) -> tuple[object, ...]:
    return service.pk, one.region, one.version, one.model, one.config_hash


def _key(row: Deployment) -> tuple[object, ...]:
    return row.service_id, row.region, row.version, row.model, row.config_hash


def _differs(old: dict[str, str], what: dict[str, str]) -> bool:
    """A hash that was never told is no other configuration."""
    if (old["version"], old["model"]) != (what["version"], what["model"]):
        return True
    hashes = {old["config_hash"], what["config_hash"]}
    return len(hashes) == 2 and "" not in hashes


def _what(row: Deployment) -> dict[str, str]:
    return {"version": row.version, "model": row.model, "config_hash": row.config_hash}
