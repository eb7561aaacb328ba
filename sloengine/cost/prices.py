"""Prices in USD, effective from a date. Pure; Decimal throughout.

Tokens are priced by 1,000: 2,400,000 tokens at 0.11 USD per 1k are 264.00 USD. An unknown price makes an unknown cost, not 0.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from itertools import pairwise

ANY = "any"
PER_TOKENS = 1000


@dataclass(frozen=True, slots=True)
class PriceRow:
    """`service` None is every service; `token_class` "any" is every class, an empty word every model, region, kind of hardware.

    It holds from `effective_from` until `effective_until`, or until the next row of its key.
    """

    usd: Decimal
    effective_from: datetime
    unit: str = "1k_tokens"
    token_class: str = ANY
    service: str | None = None
    model: str = ""
    region: str = ""
    hardware: str = ""
    purchase: str = ""
    effective_until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Where:
    """What is to be priced. An empty word fits only prices that leave it open."""

    service: str
    model: str = ""
    region: str = ""
    hardware: str = ""
    purchase: str = ""


@dataclass(frozen=True, slots=True)
class Segment:
    """A stretch of time with one price; None where none was known yet."""

    start: datetime
    end: datetime
    usd: Decimal | None


def price_at(
    rows: Iterable[PriceRow], *, service: str, at: datetime, unit: str = "1k_tokens", token_class: str = ANY
) -> Decimal | None:
    """The price in force of what is known by its service alone."""
    return price_of(rows, where=Where(service), at=at, unit=unit, token_class=token_class)


def price_of(
    rows: Iterable[PriceRow], *, where: Where, at: datetime, unit: str = "1k_tokens", token_class: str = ANY
) -> Decimal | None:
    """The most particular price in force: of the service before of all, then of the model, the region, the hardware, the purchase,
    the class before of any, then the latest."""
    chosen = max(
        (row for row in rows if _names(row, where, unit, token_class) and _in_force(row, at)),
        key=_particular,
        default=None,
    )
    return chosen.usd if chosen is not None else None


def _particular(row: PriceRow) -> tuple[bool, bool, bool, bool, bool, bool, datetime]:
    places = row.service is not None, bool(row.model), bool(row.region), bool(row.hardware), bool(row.purchase)
    return *places, row.token_class != ANY, row.effective_from


def _in_force(row: PriceRow, at: datetime) -> bool:
    return row.effective_from <= at and (row.effective_until is None or at < row.effective_until)


def _names(row: PriceRow, where: Where, unit: str, token_class: str) -> bool:
    return (
        _fits(row, where.service, unit, token_class)
        and row.model in ("", where.model)
        and row.region in ("", where.region)
        and row.hardware in ("", where.hardware)
        and row.purchase in ("", where.purchase)
    )


def segments(
    rows: Sequence[PriceRow],
    *,
    service: str,
    start: datetime,
    end: datetime,
    unit: str = "1k_tokens",
    token_class: str = ANY,
) -> list[Segment]:
    """start..end cut wherever a price takes effect, so that each part is priced at what it cost then."""
    fitting = [row for row in rows if _fits(row, service, unit, token_class)]
    cuts = sorted({start, end, *(at for at in changes(fitting) if start < at < end)})
    return [
        Segment(left, right, price_at(fitting, service=service, at=left, unit=unit, token_class=token_class))
        for left, right in pairwise(cuts)
    ]


def changes(rows: Iterable[PriceRow]) -> set[datetime]:
    """The instants at which a price begins or ends."""
    return {at for row in rows for at in (row.effective_from, row.effective_until) if at is not None}


def cost_of_tokens(*, tokens: float, usd_per_1k: Decimal | None) -> Decimal | None:
    """Tokens are counted exactly (a float holds 9e15 of them); the product is not rounded."""
    return None if usd_per_1k is None else Decimal(round(tokens)) * usd_per_1k / PER_TOKENS


def total(costs: Iterable[Decimal | None]) -> Decimal | None:
    """The sum; unknown as soon as one part is."""
    amount = Decimal(0)
    for cost in costs:
        if cost is None:
            return None
        amount += cost
    return amount


def _fits(row: PriceRow, service: str, unit: str, token_class: str) -> bool:
    return row.unit == unit and row.service in (None, service) and row.token_class in (ANY, token_class)
