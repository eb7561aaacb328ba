"""What was spent, by whom, and what a thousand tokens cost. Only reads; unknown prices make unknown costs."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from observability.core.models import Organisation
from sloengine.catalog.models import Service
from sloengine.collect.models import MetricSource
from sloengine.cost.models import Price, PriceUnit, UsageBucket
from sloengine.cost.prices import PriceRow, cost_of_tokens, price_at, segments, total
from sloengine.rollups import queries as rollups

UNKNOWN_TENANT = "unknown"


@dataclass(frozen=True, slots=True)
class TenantSpend:
    tenant: str
    tokens: float
    requests: float
    usd: Decimal | None
    share_ratio: float  # of the service's tokens


@dataclass(frozen=True, slots=True)
class Spend:
    """USD of a service over a window; `tenants` are the largest first and add up to the whole."""

    usd: Decimal | None
    tokens: float | None  # None where nothing was read
    requests: float | None
    tenants: tuple[TenantSpend, ...]


@dataclass(frozen=True, slots=True)
class CostPer1k:
    """USD per 1,000 tokens: at list price, and as replica-hours cost; None where price, tokens or replicas are unknown."""

    at_list_price: Decimal | None
    by_hardware: Decimal | None
    per_request: Decimal | None


def price_rows(*, organisation_id: int) -> list[PriceRow]:
    """All prices of an organisation, for the pure functions."""
    return [price_row(row) for row in Price.objects.filter(organisation=organisation_id).select_related("service")]


def price_row(row: Price) -> PriceRow:
    return PriceRow(
        usd=row.usd,
        effective_from=row.effective_from,
        unit=row.unit,
        token_class=row.token_class,
        service=row.service.slug if row.service is not None else None,
        model=row.model,
        region=row.region,
        hardware=row.hardware,
        purchase=row.purchase,
        effective_until=row.effective_until,
    )


def spend(*, service: Service, start: datetime, end: datetime, prices: Sequence[PriceRow] | None = None) -> Spend:
    """Tokens of each tenant, priced at what they cost when they were used. `prices` where they are at hand already."""
    if prices is None:
        prices = price_rows(organisation_id=service.organisation_id)
    tokens: dict[str, float] = defaultdict(float)
    costs: dict[str, list[Decimal | None]] = defaultdict(list)
    read = False
    for part in segments(prices, service=service.slug, start=start, end=end):
        used = rollups.increments(
            service=service, family="tenant_tokens_total", start=part.start, end=part.end, by=("tenant",)
        )
        read = read or bool(used)
        for (tenant,), amount in used.items():
            tokens[tenant or UNKNOWN_TENANT] += amount
            costs[tenant or UNKNOWN_TENANT].append(cost_of_tokens(tokens=amount, usd_per_1k=part.usd))
    if not read:
        return Spend(None, None, None, ())
    requests = rollups.increments(service=service, family="tenant_requests_total", start=start, end=end, by=("tenant",))
    asked = {tenant or UNKNOWN_TENANT: amount for (tenant,), amount in requests.items()}
    whole = sum(tokens.values())
    tenants = [
        TenantSpend(name, used, asked.get(name, 0.0), total(costs[name]), used / whole if whole > 0 else 0.0)
        for name, used in sorted(tokens.items(), key=lambda item: (-item[1], item[0]))
    ]
    return Spend(total(tenant.usd for tenant in tenants), whole, sum(asked.values()), tuple(tenants))


def cost_per_1k(
    *, service: Service, start: datetime, end: datetime, prices: Sequence[PriceRow] | None = None
) -> CostPer1k:
    """What 1,000 tokens and one request cost: 264 USD for 2,400,000 tokens are 0.11 USD per 1k."""
    if prices is None:
        prices = price_rows(organisation_id=service.organisation_id)
    whole = spend(service=service, start=start, end=end, prices=prices)
    hardware = hardware_cost(service=service, start=start, end=end, prices=prices)
    return CostPer1k(
        at_list_price=_per(whole.usd, whole.tokens, 1000),
        by_hardware=_per(hardware, whole.tokens, 1000),
        per_request=_per(whole.usd if whole.usd is not None else hardware, whole.requests, 1),
    )


def hardware_cost(
    *, service: Service, start: datetime, end: datetime, prices: Sequence[PriceRow] | None = None
) -> Decimal | None:
    """Replica-hours at the price of a GPU-hour; each replica is one GPU until the inventory says otherwise."""
    if prices is None:
        prices = price_rows(organisation_id=service.organisation_id)
    usd = price_at(prices, service=service.slug, at=end, unit=PriceUnit.GPU_HOUR)
    if usd is None:
        return None
    up = rollups.gauge(service=service, family="target_up", start=start, end=end).get(())
    tick = MetricSource.objects.filter(slots__service=service).values_list("tick_seconds", flat=True).first()
    if up is None or up.mean is None or tick is None:
        return None
    return usd * Decimal(up.n * up.mean * tick) / 3600


def usd_per_hour(*, service: Service, now: datetime) -> Decimal | None:
    """The present pace: the last closed bucket of five minutes, at list price."""
    newest = UsageBucket.objects.filter(service=service).order_by("-at").values_list("at", flat=True).first()
    if newest is None:
        return None
    tokens = sum(UsageBucket.objects.filter(service=service, at=newest).values_list("tokens", flat=True))
    price = price_at(price_rows(organisation_id=service.organisation_id), service=service.slug, at=now)
    cost = cost_of_tokens(tokens=tokens, usd_per_1k=price)
    return None if cost is None else cost * 12


def spend_by_service(*, organisation: Organisation, start: datetime, end: datetime) -> Mapping[str, Spend]:
    """The spend of every service of an organisation that was read, by slug."""
    services = Service.objects.filter(organisation=organisation).order_by("slug")
    found = {service.slug: spend(service=service, start=start, end=end) for service in services}
    return {slug: one for slug, one in found.items() if one.tokens is not None}


def _per(usd: Decimal | None, amount: float | None, unit: int) -> Decimal | None:
    return None if usd is None or not amount else usd * unit / Decimal(round(amount))


def currency_of(organisation: Organisation) -> str:
    """The one that all its prices are in; USD before the first."""
    return Price.objects.filter(organisation=organisation).values_list("currency", flat=True).first() or "USD"
