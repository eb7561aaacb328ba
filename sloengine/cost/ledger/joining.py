"""One hour of a service from what is known of it: the gateway knows who, the engines know which, the clients know what for. Pure.

No single source tells tenant, tag, variant and token class together, so the hour is put together by rule:

1. A tenant's tokens and requests are those that the gateway counted; without a gateway those that clients counted.
2. They are split over variants and token classes as the engines' tokens of the same model and region were in that hour, and over
   tags as the clients' own counts of that tenant were. Whole tokens by largest remainder: every tenant keeps its exact sum.
3. Without a tenant the engines' tokens stand under no tenant; without an engine the tokens stand as `unsplit`.
4. Hardware at work and hardware that stood idle go to the tenants of the same variant by their tokens; where none was used they
   stand under no tenant. Tokens that no engine counts stand with the hardware that was up, by its time.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, replace

from sloengine.cost.ledger.apportioning import apportion
from sloengine.cost.ledger.meters import Quantities, Slice, TokenClass, Usage

ENGINE_CLASSES = (TokenClass.INPUT, TokenClass.CACHE_READ, TokenClass.OUTPUT)
ENDS = ("requests_ok", "requests_failed", "requests_aborted")


@dataclass(frozen=True, slots=True)
class Asked:
    """What one tenant asked of one model in one region, as the gateway or the clients counted it."""

    tokens: int = 0
    ok: int = 0
    failed: int = 0
    aborted: int = 0


@dataclass(frozen=True, slots=True)
class Served:
    """What one variant served on one kind of hardware: tokens by class, its own count of requests, and hardware time."""

    input: int = 0
    cache_read: int = 0
    output: int = 0
    ok: int = 0
    failed: int = 0
    aborted: int = 0
    busy_ms: int = 0
    idle_ms: int = 0

    @property
    def tokens(self) -> int:
        return self.input + self.cache_read + self.output


#: Slices with model and region and tenant alone; with model, variant, region, hardware and purchase alone.
Tenants = Mapping[Slice, Asked]
Engines = Mapping[Slice, Served]
#: Tokens by tenant and tag.
Tags = Mapping[str, Mapping[str, int]]


def joined(*, tenants: Tenants, engines: Engines, tags: Tags | None = None) -> Usage:
    """The hour by slice. 1,000 tokens of acme where the engines read 300 and wrote 100 are 750 input and 250 output of acme."""
    usage: dict[Slice, Quantities] = defaultdict(Quantities)
    if any(asked.tokens or asked.ok or asked.failed or asked.aborted for asked in tenants.values()):
        for who, asked in sorted(_weighed(tenants, engines).items()):
            for what, amounts in _split(who, asked, engines):
                for one, part in _by_tag(what, amounts, (tags or {}).get(who.tenant, {})):
                    usage[one] += part
    else:
        for where, served in engines.items():
            usage[where] += _of_engine(served)
    for where, served in engines.items():
        _give_hardware(usage, where, served)
    return {one: amounts for one, amounts in usage.items() if any(amounts.values)}


def _weighed(tenants: Tenants, engines: Engines) -> Tenants:
    """Where the gateway counts requests but no tokens, the engines' tokens go to the tenants by requests."""
    whole = sum(served.tokens for served in engines.values())
    if not whole or any(asked.tokens for asked in tenants.values()):
        return tenants
    parts = apportion(whole, [asked.ok for asked in tenants.values()])
    return {who: replace(asked, tokens=part) for (who, asked), part in zip(tenants.items(), parts, strict=True)}


def _near(who: Slice, engines: Engines) -> list[tuple[Slice, Served]]:
    """The engines of the tenant's model and region, else of the region, else all that served anything."""
    busy = [(where, served) for where, served in sorted(engines.items()) if served.tokens]
    exact = [one for one in busy if one[0].model == who.model and one[0].region == who.region]
    return exact or [one for one in busy if one[0].region == who.region] or busy


def _split(who: Slice, asked: Asked, engines: Engines) -> list[tuple[Slice, Quantities]]:
    near = _near(who, engines)
    counts = asked.ok, asked.failed, asked.aborted
    if not near:
        return _unsplit(who, asked, engines)
    cells = [getattr(served, one.value) for _, served in near for one in ENGINE_CLASSES]
    tokens = apportion(asked.tokens, cells)
    weights = [served.tokens for _, served in near]
    ends = [apportion(count, weights) for count in counts]
    many = len(ENGINE_CLASSES)
    found = []
    for i, (where, _) in enumerate(near):
        classes = dict(zip((one.value for one in ENGINE_CLASSES), tokens[i * many : (i + 1) * many], strict=True))
        found.append((replace(where, tenant=who.tenant), Quantities(*(end[i] for end in ends), **classes)))
    return found


def _unsplit(who: Slice, asked: Asked, engines: Engines) -> list[tuple[Slice, Quantities]]:
    """Tokens that no engine counts, by the hardware time of those that were up; without any, where the gateway put them."""
    homes = [(where, time) for where, served in sorted(engines.items()) if (time := served.busy_ms + served.idle_ms)]
    columns = [
        apportion(count, [time for _, time in homes]) for count in (asked.ok, asked.failed, asked.aborted, asked.tokens)
    ]
    if not homes:
        return [(who, Quantities(asked.ok, asked.failed, asked.aborted, unsplit=asked.tokens))]
    found = []
    for i, (where, _) in enumerate(homes):
        ok, failed, aborted, tokens = (column[i] for column in columns)
        found.append((replace(where, tenant=who.tenant), Quantities(ok, failed, aborted, unsplit=tokens)))
    return found


def _by_tag(what: Slice, amounts: Quantities, tags: Mapping[str, int]) -> list[tuple[Slice, Quantities]]:
    names = sorted(name for name, tokens in tags.items() if tokens > 0)
    if not names:
        return [(what, amounts)]
    weights = [tags[name] for name in names]
    columns = [apportion(value, weights) for value in amounts.values]
    return [(replace(what, tag=name), Quantities(*(column[i] for column in columns))) for i, name in enumerate(names)]


def _of_engine(served: Served) -> Quantities:
    return Quantities(
        served.ok, served.failed, served.aborted, input=served.input, cache_read=served.cache_read, output=served.output
    )


def _give_hardware(usage: dict[Slice, Quantities], where: Slice, served: Served) -> None:
    if not served.busy_ms and not served.idle_ms:
        return
    users = sorted(one for one in usage if replace(one, tenant="", tag="") == where)
    weights = [sum(usage[one].tokens.values()) for one in users]
    if not any(weights):
        users, weights = [where], [1]
    busy, idle = apportion(served.busy_ms, weights), apportion(served.idle_ms, weights)
    for one, at_work, stood in zip(users, busy, idle, strict=True):
        usage[one] += Quantities(busy_ms=at_work, idle_ms=stood)
