"""Which places the platform reads from, as the settings or a person name them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction

from observability.core import audit, permissions
from observability.core.models import Organisation
from observability.core.permissions import Actor, Verb
from probes.signals import PREFIX
from sloengine.collect.models import MetricSource
from sloengine.collect.services.ticks import source_for

PROBES, PROMETHEUS = "probes", "prometheus"


@dataclass(frozen=True, slots=True)
class Found:
    """What a first reading of a source showed: canonical series by service, and all other series."""

    services: dict[str, int]
    foreign: int


def connect(
    *, organisation: Organisation, name: str, kind: str, url: str, actor: Actor, now: datetime
) -> tuple[MetricSource, bool]:
    """The source of that name reads from `url` from now on: (it, whether anything changed)."""
    permissions.require(actor, Verb.MANAGE_SOURCES, organisation)
    with transaction.atomic():
        source, fresh = MetricSource.objects.select_for_update().get_or_create(
            organisation=organisation, name=name, defaults={"kind": kind, "url": url}
        )
        changed = fresh or (source.kind, source.url, source.enabled) != (kind, url, True)
        if changed:
            source.kind, source.url, source.enabled = kind, url, True
            source.save(update_fields=["kind", "url", "enabled"])
            audit.record(actor=actor, verb="connect_source", obj=source, now=now, payload={"kind": kind})
    return source, changed


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


def look(*, source: MetricSource, now: datetime) -> Found:
    """One reading, counted and thrown away. Raises SourceUnavailable."""
    samples = source_for(source).read(now).samples
    services = Counter(one.label("service") or "unknown" for one in samples if one.name.startswith(PREFIX))
    return Found(
        services=dict(sorted(services.items())), foreign=sum(not one.name.startswith(PREFIX) for one in samples)
    )
