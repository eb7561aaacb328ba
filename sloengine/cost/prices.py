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
    """`service` None is every service; `token_class` "any" is every class."""

    usd: Decimal
    effective_from: datetime
    unit: str = "1k_tokens"
    token_class: str = ANY
    service: str | None = None


@dataclass(frozen=True, slots=True)
class Segment:
    """A stretch of time with one price; None where none was known yet."""

    start: datetime
    end: datetime
    usd: Decimal | None


def price_at(
    rows: Iterable[PriceRow], *, service: str, at: datetime, unit: str = "1k_tokens", token_class: str = ANY
) -> Decimal | None:
    """The most particular price in force: of the service before of all, of the class before of any, then the latest."""
    chosen = max(
        (row for row in rows if _fits(row, service, unit, token_class) and row.effective_from <= at),
        key=lambda row: (row.service is not None, row.token_class != ANY, row.effective_from),
        default=None,
    )
    return chosen.usd if chosen is not None else None


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
    cuts = sorted({start, end, *(row.effective_from for row in fitting if start < row.effective_from < end)})
    return [
        Segment(left, right, price_at(fitting, service=service, at=left, unit=unit, token_class=token_class))
        for left, right in pairwise(cuts)
    ]


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
