"""One service's use between two instants, put together from its rollups by the rule of `joining`."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from sloengine.catalog.models import Service
from sloengine.cost.ledger.joining import Asked, Engines, Served, Tenants, joined
from sloengine.cost.ledger.meters import Slice, Usage
from sloengine.rollups import queries as rollups

#: What stands for an end of a request; a request that was turned away has failed for who asked.
ENDS = {"ok": "ok", "aborted": "aborted"}
TENANT = ("model", "region", "tenant")
ENGINE = ("model", "version", "region")


def measured(*, service: Service, start: datetime, end: datetime) -> Usage:
    """Whole tokens and requests by slice; empty where nothing was read."""

    def added(family: str, by: Sequence[str]) -> Mapping[tuple[str, ...], int]:
        found = rollups.increments(service=service, family=family, start=start, end=end, by=by)
        return {key: round(amount) for key, amount in found.items() if round(amount) > 0}

    tenants = _tenants(added("tenant_tokens_total", TENANT), added("tenant_requests_total", (*TENANT, "outcome")))
    said = _clients(
        added("client_prompt_tokens_total", (*TENANT, "tag")), added("client_generated_tokens_total", (*TENANT, "tag"))
    )
    if not tenants:
        tenants = _tenants(_untagged(said), added("client_requests_total", (*TENANT, "outcome")))
    engines = _engines(
        prompt=added("prompt_tokens_total", ENGINE),
        hits=added("prefix_cache_hits_total", ENGINE),
        generated=added("generated_tokens_total", ENGINE),
        requests=added("requests_total", (*ENGINE, "outcome")),
    )
    return joined(tenants=tenants, engines=engines, tags=_tags(said))


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


def _engines(*, prompt: Counts, hits: Counts, generated: Counts, requests: Counts) -> Engines:
    """Prompt tokens that the prefix cache held are cache reads; the counter of prompt tokens counts them too."""
    found: dict[Slice, Served] = defaultdict(Served)
    for model, version, region in sorted({*prompt, *generated}):
        key = model, version, region
        cached = min(hits.get(key, 0), prompt.get(key, 0))
        found[Slice(model=model, variant=version, region=region)] = Served(
            input=prompt.get(key, 0) - cached, cache_read=cached, output=generated.get(key, 0)
        )
    for (model, version, region, outcome), count in requests.items():
        where, end = Slice(model=model, variant=version, region=region), ENDS.get(outcome, "failed")
        found[where] = replace(found[where], **{end: getattr(found[where], end) + count})
    return found
