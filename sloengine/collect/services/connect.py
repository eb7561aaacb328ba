"""Which places the platform reads from, as the settings or a person name them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.db import transaction

from observability.core import audit, permissions
from observability.core.models import Organisation
from observability.core.permissions import Actor, Verb
from sloengine.collect.models import MetricSource

PROBES, PROMETHEUS = "probes", "prometheus"


#: What a person may say about a Prometheus besides its address.
SETTINGS = (
    "flavour", "matchers", "naming", "username", "password", "bearer_file", "ca_file", "certificate_file", "key_file", "org_id",
    "lag_seconds", "tick_seconds", "summed",
)  # fmt: skip


def connect(
    *, organisation: Organisation, name: str, kind: str, url: str, actor: Actor, now: datetime, **settings: Any
) -> tuple[MetricSource, bool]:
    """The source of that name reads from `url` from now on: (it, whether anything changed). `settings` are of SETTINGS; a password
    comes encrypted."""
    permissions.require(actor, Verb.MANAGE_SOURCES, organisation)
    given = {"kind": kind, "url": url, "enabled": True, **settings}
    with transaction.atomic():
        source, fresh = MetricSource.objects.select_for_update().get_or_create(
            organisation=organisation, name=name, defaults=given
        )
        changed = [field for field, value in given.items() if getattr(source, field) != value]
        for field in changed:
            setattr(source, field, given[field])
        if changed:
            source.save(update_fields=changed)
        if fresh or changed:
            audit.record(
                actor=actor,
                verb="connect_source",
                obj=source,
                now=now,
                payload={"kind": kind, "changed": sorted(changed)},
            )
    return source, fresh or bool(changed)


def connect_configured(
    *, organisation: Organisation, probe_urls: Sequence[str], prometheus_url: str, now: datetime
) -> list[MetricSource]:
    """What the settings name: Prometheus where there is one, else the probes directly. Both together would count twice."""
    actor = permissions.system(organisation)
    if prometheus_url:
        given = (PROMETHEUS, MetricSource.Kind.PROMETHEUS.value, prometheus_url)
    elif probe_urls:
        given = (PROBES, MetricSource.Kind.SCRAPE.value, "\n".join(probe_urls))
    else:
        return []
    name, kind, url = given
    other = PROBES if name == PROMETHEUS else PROMETHEUS
    MetricSource.objects.filter(organisation=organisation, name=other).update(enabled=False)
    return [connect(organisation=organisation, name=name, kind=kind, url=url, actor=actor, now=now)[0]]
