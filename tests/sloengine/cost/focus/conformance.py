"""The rules of FOCUS 1.2 that apply to a dataset of usage charges, each with where the specification says it.

Written from specification/columns/*.md and specification/attributes/*.md of FinOps-Open-Cost-and-Usage-Spec/FOCUS_Spec.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation

MANDATORY = (
    "BilledCost", "BillingAccountId", "BillingAccountName", "BillingCurrency", "BillingPeriodEnd", "BillingPeriodStart",
    "ChargeCategory", "ChargeClass", "ChargeDescription", "ChargePeriodEnd", "ChargePeriodStart", "ContractedCost",
    "EffectiveCost", "InvoiceIssuerName", "ListCost", "PricingQuantity", "PricingUnit", "ProviderName", "PublisherName",
    "ServiceCategory", "ServiceName",
)  # fmt: skip
#: Mandatory ones that say "MUST NOT be null", and those that must not be where the charge is usage.
NOT_NULL = frozenset(MANDATORY) - {"ChargeClass", "BillingAccountName", "ChargeDescription"}
OF_USAGE = (
    "PricingQuantity",
    "PricingUnit",
    "ListUnitPrice",
    "PricingCategory",
    "SkuId",
    "SkuPriceId",
    "ConsumedQuantity",
    "ConsumedUnit",
)
DECIMALS = (
    "BilledCost", "ContractedCost", "EffectiveCost", "ListCost", "PricingQuantity", "ConsumedQuantity", "ListUnitPrice",
    "ContractedUnitPrice",
)  # fmt: skip
TIMES = ("BillingPeriodStart", "BillingPeriodEnd", "ChargePeriodStart", "ChargePeriodEnd")
ALLOWED = {
    "ChargeCategory": {"Adjustment", "Credit", "Purchase", "Tax", "Usage"},
    "ChargeClass": {"Correction"},
    "ChargeFrequency": {"One-Time", "Recurring", "Usage-Based"},
    "PricingCategory": {"Standard", "Dynamic", "Committed", "Other"},
    "ServiceCategory": {
        "AI and Machine Learning", "Analytics", "Business Applications", "Compute", "Databases", "Developer Tools", "Multicloud",
        "Identity", "Integration", "Internet of Things", "Management and Governance", "Media", "Migration", "Mobile",
        "Networking", "Security", "Storage", "Web", "Other",
    },
    "ServiceSubcategory": {
        "AI Platforms", "Bots", "Generative AI", "Machine Learning", "Natural Language Processing", "Other (AI and Machine Learning)",
    },
}  # fmt: skip
#: UnitFormat: an optional positive quantity, then a capitalised unit; NumericFormat: digits, one point, no grouping or symbol.
UNIT = re.compile(r"(?:[1-9][0-9]* )?[A-Z][A-Za-z]*(?:-[A-Z][a-z]+)?(?:/[A-Z][a-z]+)?")
NUMBER = re.compile(r"-?[0-9]+(?:\.[0-9]+)?(?:E-?[0-9]+)?")
TIME = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z")
COLUMN = re.compile(r"(?:x_)?[A-Z][A-Za-z0-9]{1,48}")
Line = Mapping[str, str]


def broken(names: Sequence[str], lines: Sequence[Line]) -> list[str]:
    """What of the specification a CSV dataset breaks; empty: it conforms."""
    found = [f"{name}: a mandatory column is missing" for name in MANDATORY if name not in names]
    found += [
        f"{name}: columns are in Pascal case, custom ones with x_" for name in names if not COLUMN.fullmatch(name)
    ]
    found += [f"{name}: twice" for name in set(names) if list(names).count(name) > 1]
    parents: dict[str, str] = {}
    for number, line in enumerate(lines, start=1):
        said = [*_nulls(line), *_formats(line), *_values(line)] or [
            *_periods(line),
            *_products(line),
            *_dependents(line),
        ]
        if parents.setdefault(line.get("SkuPriceId", ""), line.get("SkuId", "")) != line.get("SkuId", ""):
            said.append("SkuPriceId: has one and only one parent SkuId")
        found += [f"row {number}: {one}" for one in said]
    return found


def _nulls(line: Line) -> list[str]:
    needed = {
        *NOT_NULL,
        *(OF_USAGE if line["ChargeCategory"] == "Usage" and line["ChargeClass"] != "Correction" else ()),
    }
    return [f"{name}: must not be null" for name in sorted(needed) if name in line and line[name] == ""]


def _formats(line: Line) -> list[str]:
    found = [f"{name}: no NumericFormat" for name in DECIMALS if line.get(name) and not NUMBER.fullmatch(line[name])]
    found += [f"{name}: no DateTimeFormat in UTC" for name in TIMES if not TIME.fullmatch(line[name])]
    found += [
        f"{name}: no UnitFormat"
        for name in ("PricingUnit", "ConsumedUnit")
        if line.get(name) and not UNIT.fullmatch(line[name])
    ]
    if not re.fullmatch("[A-Z]{3}", line["BillingCurrency"]):
        found.append("BillingCurrency: no ISO 4217 code")
    return found


def _values(line: Line) -> list[str]:
    found = [
        f"{name}: {line[name]} is no allowed value"
        for name, allowed in ALLOWED.items()
        if line.get(name) and line[name] not in allowed
    ]
    found += [
        f"{name}: negative" for name in ("ListUnitPrice", "ContractedUnitPrice") if line.get(name, "").startswith("-")
    ]
    if line.get("Tags"):
        try:
            tags = json.loads(line["Tags"])
        except ValueError:
            return [*found, "Tags: no KeyValueFormat"]
        if not isinstance(tags, dict) or not all(
            isinstance(value, str | bool | int | float | None) for value in tags.values()
        ):
            found.append("Tags: no KeyValueFormat")
    return found


def _periods(line: Line) -> list[str]:
    at = {name: datetime.strptime(line[name], "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC) for name in TIMES}
    found = []
    if not at["BillingPeriodStart"] < at["BillingPeriodEnd"]:
        found.append("BillingPeriodEnd: exclusive, later than its start")
    if not at["ChargePeriodStart"] < at["ChargePeriodEnd"]:
        found.append("ChargePeriodEnd: exclusive, later than its start")
    if not at["BillingPeriodStart"] <= at["ChargePeriodStart"] < at["BillingPeriodEnd"]:
        found.append("ChargePeriodStart: within the billing period")
    return found


def _products(line: Line) -> list[str]:
    """PricingQuantity x a unit price must match its cost."""
    found = []
    for price, cost in (("ListUnitPrice", "ListCost"), ("ContractedUnitPrice", "ContractedCost")):
        if line.get(price):
            try:
                if Decimal(line[price]) * Decimal(line["PricingQuantity"]) != Decimal(line[cost]):
                    found.append(f"{cost}: {price} x PricingQuantity is another amount")
            except InvalidOperation:
                found.append(f"{cost}: no decimal")
    return found


def _dependents(line: Line) -> list[str]:
    found = [
        f"{name}: null where {parent} is null"
        for name, parent in (
            ("SubAccountName", "SubAccountId"),
            ("RegionName", "RegionId"),
            ("ConsumedUnit", "ConsumedQuantity"),
        )
        if line.get(name) and not line.get(parent)
    ]
    if line.get("PricingCategory") == "Standard" and line["EffectiveCost"] != line["ContractedCost"]:
        found.append("EffectiveCost: the contracted cost where no commitment is applied")
    return found
