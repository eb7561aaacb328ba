"""One service's use between two instants, put together from its rollups by the rule of `joining`."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from sloengine.catalog.models import Service
from sloengine.collect.models import MetricSource
from sloengine.cost.ledger.joining import Asked, Served, Tenants, joined
from sloengine.cost.ledger.meters import Slice, Usage
from sloengine.cost.ledger.models import Placement
from sloengine.cost.ledger.placing import ByReplica, Place, in_force, placed
from sloengine.rollups import queries as rollups

#: What stands for an end of a request; a request that was turned away has failed for who asked.
ENDS = {"ok": "ok", "aborted": "aborted"}
TENANT = ("model", "region", "tenant")
ENGINE = ("model", "version", "region")


#: Replicas are told apart in the finest rows alone, which are kept for hours.
REPLICAS_FOR = timedelta(hours=6)


def measured(*, service: Service, start: datetime, end: datetime) -> Usage:
    """Whole tokens and requests by slice, with the hardware they ran on; empty where nothing was read."""

    def added(family: str, by: Sequence[str]) -> Mapping[tuple[str, ...], int]:
        found = rollups.increments(service=service, family=family, start=start, end=end, by=by)
        return {key: round(amount) for key, amount in found.items() if round(amount) > 0}

    tenants = _tenants(added("tenant_tokens_total", TENANT), added("tenant_requests_total", (*TENANT, "outcome")))
    said = _clients(
        added("client_prompt_tokens_total", (*TENANT, "tag")), added("client_generated_tokens_total", (*TENANT, "tag"))
    )
    if not tenants:
        tenants = _tenants(_untagged(said), added("client_requests_total", (*TENANT, "outcome")))
    places = in_force(_places(service), start)
    by = (*ENGINE, "replica") if _told_apart(service, places, start) else ENGINE
    engines = _engines(
        prompt=added("prompt_tokens_total", by),
        hits=added("prefix_cache_hits_total", by),
        generated=added("generated_tokens_total", by),
        requests=added("requests_total", (*by, "outcome")),
    )
    homes = placed(
        served=engines,
        up_ms=_up(service, start, end, by) if places else {},
        places=places,
        working=_working(service, start, end) if places else {},
        window_ms=round((end - start).total_seconds() * 1000),
    )
    return joined(tenants=tenants, engines=homes, tags=_tags(said))


def _places(service: Service) -> list[Place]:
    rows = Placement.objects.filter(service=service).order_by("pk").values(*Place.__dataclass_fields__)
    return [Place(**row) for row in rows]


def _told_apart(service: Service, places: Sequence[Place], start: datetime) -> bool:
    if not any(place.replicas for place in places):
        return False
    newest = rollups.newest(service=service)
    return newest is not None and start >= newest - REPLICAS_FOR


def _up(service: Service, start: datetime, end: datetime, by: Sequence[str]) -> dict[tuple[Slice, str], int]:
    """How long replicas were up, in milliseconds: each reading of 1 stands for one tick of its source."""
    tick = (
        MetricSource.objects.filter(slots__service=service, slots__family="target_up")
        .values_list("tick_seconds")
        .first()
    )
    if tick is None:
        return {}
    found = rollups.gauge(service=service, family="target_up", start=start, end=end, by=by)
    times = {_where(key): round(up.n * up.mean * tick[0] * 1000) for key, up in found.items() if up.mean is not None}
    return {where: time for where, time in times.items() if time > 0}


def _working(service: Service, start: datetime, end: datetime) -> dict[str, float]:
    """The mean share of time at work by region; regions whose GPUs were not read are left out."""
    found = rollups.gauge(service=service, family="gpu_utilisation_ratio", start=start, end=end, by=("region",))
    return {region: min(max(one.mean, 0.0), 1.0) for (region,), one in found.items() if one.mean is not None}


def _where(key: tuple[str, ...]) -> tuple[Slice, str]:
    model, version, region, *replica = key
    return Slice(model=model, variant=version, region=region), replica[0] if replica else ""


Counts = Mapping[tuple[str, ...], int]


def _tenants(tokens: Counts, requests: Counts) -> Tenants:
    found: dict[Slice, Asked] = defaultdict(Asked)
    for (model, region, tenant), amount in tokens.items():
        found[Slice(model=model, region=region, tenant=tenant)] = Asked(tokens=amount)
    for (model, region, tenant, outcome), count in requests.items():
        who, end = Slice(model=model, region=region, tenant=tenant), ENDS.get(outcome, "failed")
        found[who] = replace(found[who], **{end: getattr(found[who], end) + count})
    return found


def _clients(prompt: Counts, generated: Counts) -> Counts:
    both: dict[tuple[str, ...], int] = defaultdict(int)
    for counts in (prompt, generated):
        for key, amount in counts.items():
            both[key] += amount
    return both


def _untagged(said: Counts) -> Counts:
    found: dict[tuple[str, ...], int] = defaultdict(int)
    for (model, region, tenant, _tag), amount in said.items():
        found[model, region, tenant] += amount
    return found


def _tags(said: Counts) -> Mapping[str, Mapping[str, int]]:
    found: dict[str, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    for (_model, _region, tenant, tag), amount in said.items():
        found[tenant][tag] += amount
    return found


def _engines(*, prompt: Counts, hits: Counts, generated: Counts, requests: Counts) -> ByReplica:
    """Prompt tokens that the prefix cache held are cache reads; the counter of prompt tokens counts them too."""
    found: dict[tuple[Slice, str], Served] = defaultdict(Served)
    for key in sorted({*prompt, *generated}):
        cached = min(hits.get(key, 0), prompt.get(key, 0))
        found[_where(key)] = Served(input=prompt.get(key, 0) - cached, cache_read=cached, output=generated.get(key, 0))
    for (*place, outcome), count in requests.items():
        where, end = _where(tuple(place)), ENDS.get(outcome, "failed")
        found[where] = replace(found[where], **{end: getattr(found[where], end) + count})
    return found
