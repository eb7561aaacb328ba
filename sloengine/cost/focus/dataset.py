"""The columns of FOCUS 1.2 that apply here, and a charge as a row of them. Pure.

The specification: github.com/FinOps-Open-Cost-and-Usage-Spec/FOCUS_Spec, specification/columns, version 1.2. All 21 mandatory columns
are there, the conditional ones where we hold what they say, and our own with `x_`. Every charge is usage at the agreed rate of the
billing account: the four costs are equal, and unit price x quantity is the cost to the last digit.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from sloengine.cost.ledger.apportioning import to_cents
from sloengine.cost.ledger.meters import MS_PER_HOUR

Value = str | Decimal | datetime | None
Row = dict[str, Value]


class Basis(StrEnum):
    """What a dataset charges. The two are never in one: the same work would be charged twice."""

    TOKENS = "tokens"
    HARDWARE = "hardware"


class Kind(StrEnum):
    TEXT = "String"
    DECIMAL = "Decimal"
    TIME = "Date/Time"


MANDATORY: dict[str, Kind] = {
    "BilledCost": Kind.DECIMAL,
    "BillingAccountId": Kind.TEXT,
    "BillingAccountName": Kind.TEXT,
    "BillingCurrency": Kind.TEXT,
    "BillingPeriodEnd": Kind.TIME,
    "BillingPeriodStart": Kind.TIME,
    "ChargeCategory": Kind.TEXT,
    "ChargeClass": Kind.TEXT,
    "ChargeDescription": Kind.TEXT,
    "ChargePeriodEnd": Kind.TIME,
    "ChargePeriodStart": Kind.TIME,
    "ContractedCost": Kind.DECIMAL,
    "EffectiveCost": Kind.DECIMAL,
    "InvoiceIssuerName": Kind.TEXT,
    "ListCost": Kind.DECIMAL,
    "PricingQuantity": Kind.DECIMAL,
    "PricingUnit": Kind.TEXT,
    "ProviderName": Kind.TEXT,
    "PublisherName": Kind.TEXT,
    "ServiceCategory": Kind.TEXT,
    "ServiceName": Kind.TEXT,
}
OTHERS: dict[str, Kind] = {
    "ChargeFrequency": Kind.TEXT,
    "ConsumedQuantity": Kind.DECIMAL,
    "ConsumedUnit": Kind.TEXT,
    "ContractedUnitPrice": Kind.DECIMAL,
    "ListUnitPrice": Kind.DECIMAL,
    "PricingCategory": Kind.TEXT,
    "RegionId": Kind.TEXT,
    "RegionName": Kind.TEXT,
    "ServiceSubcategory": Kind.TEXT,
    "SkuId": Kind.TEXT,
    "SkuMeter": Kind.TEXT,
    "SkuPriceId": Kind.TEXT,
    "SubAccountId": Kind.TEXT,
    "SubAccountName": Kind.TEXT,
    "Tags": Kind.TEXT,
    "x_Hardware": Kind.TEXT,
    "x_Meter": Kind.TEXT,
    "x_Model": Kind.TEXT,
    "x_Purchase": Kind.TEXT,
    "x_Variant": Kind.TEXT,
}
COLUMNS: dict[str, Kind] = {**MANDATORY, **OTHERS}

#: Parts of an hour that are told apart, so that hours are exact decimals: a millionth is 3.6 ms.
HOUR_PART = Decimal("0.000001")


@dataclass(frozen=True, slots=True)
class Account:
    """Who is charged, and in what."""

    id: str
    name: str
    currency: str


@dataclass(frozen=True, slots=True)
class Charge:
    """One meter of one slice in a stretch with one price. `amount` is tokens, or milliseconds of hardware; `price` None: none is known.

    `meter` is a class of tokens, or busy, idle, shared.
    """

    start: datetime
    end: datetime
    service: str
    model: str
    variant: str
    region: str
    hardware: str
    purchase: str
    tenant: str
    tag: str
    meter: str
    amount: int
    price: Decimal | None


def dataset(charges: Sequence[Charge], *, account: Account, basis: Basis) -> list[Row]:
    """A row for each charge whose price is known; a cost that is not known has no place in FOCUS and is no 0 either."""
    known = [one for one in charges if one.price is not None]
    if basis is Basis.TOKENS:
        return [
            _row(one, account, Decimal(one.amount) / 1000, "1000 Tokens", Decimal(one.amount), "Tokens")
            for one in known
        ]
    hours = to_cents({i: Decimal(one.amount) / MS_PER_HOUR for i, one in enumerate(known)}, unit=HOUR_PART)
    return [_row(one, account, hours[i], "Hours", hours[i], "Hours") for i, one in enumerate(known)]


def unpriced(charges: Iterable[Charge]) -> int:
    """Tokens, or milliseconds of hardware, without a price: what a dataset leaves out."""
    return sum(one.amount for one in charges if one.price is None)


def _row(one: Charge, account: Account, quantity: Decimal, unit: str, consumed: Decimal, consumed_unit: str) -> Row:
    price = one.price or Decimal(0)
    cost = quantity * price
    month = one.start.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    sku = "/".join(
        word or "any" for word in (one.service, one.model, one.meter, one.hardware, one.purchase, one.region)
    )
    tags = {"tag": one.tag} if one.tag else {}
    what = f"{one.meter.replace('_', ' ')} {'tokens' if unit == '1000 Tokens' else 'hours'}"
    of, on = f" of {one.model}" if one.model else "", f" on {one.hardware}" if one.hardware else ""
    return {
        "BilledCost": cost,
        "BillingAccountId": account.id,
        "BillingAccountName": account.name,
        "BillingCurrency": account.currency,
        "BillingPeriodEnd": _next_month(month),
        "BillingPeriodStart": month,
        "ChargeCategory": "Usage",
        "ChargeClass": None,
        "ChargeDescription": f"{one.service}: {what}{of}{on}",
        "ChargePeriodEnd": one.end,
        "ChargePeriodStart": one.start,
        "ContractedCost": cost,
        "EffectiveCost": cost,
        "InvoiceIssuerName": account.name,
        "ListCost": cost,
        "PricingQuantity": quantity,
        "PricingUnit": unit,
        "ProviderName": account.name,
        "PublisherName": account.name,
        "ServiceCategory": "AI and Machine Learning",
        "ServiceName": one.service,
        "ChargeFrequency": "Usage-Based",
        "ConsumedQuantity": consumed,
        "ConsumedUnit": consumed_unit,
        "ContractedUnitPrice": price,
        "ListUnitPrice": price,
        "PricingCategory": "Standard",
        "RegionId": one.region or None,
        "RegionName": one.region or None,
        "ServiceSubcategory": "Generative AI",
        "SkuId": sku,
        "SkuMeter": what,
        "SkuPriceId": sku,
        "SubAccountId": one.tenant or None,
        "SubAccountName": one.tenant or None,
        "Tags": json.dumps(tags, sort_keys=True),
        "x_Hardware": one.hardware or None,
        "x_Meter": one.meter,
        "x_Model": one.model or None,
        "x_Purchase": one.purchase or None,
        "x_Variant": one.variant or None,
    }


def _next_month(month: datetime) -> datetime:
    return month.replace(year=month.year + month.month // 12, month=month.month % 12 + 1)
