"""Spend is requests x tokens per request x price per token: which of them made the difference. Pure.

The split is LMDI-I (B. W. Ang, "The LMDI approach to decomposition analysis: a practical guide", Energy Policy 33, 2005): a factor's
part is L(after, before) * ln(factor after / factor before), L(a, b) = (a - b) / ln(a / b) the logarithmic mean. The parts add up to
the change exactly, whatever its size, and parts of several services add up to those of their sum.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


class Driver(StrEnum):
    REQUESTS = "requests"
    TOKENS_PER_REQUEST = "tokens per request"
    PRICE = "price per token"


@dataclass(frozen=True, slots=True)
class Factors:
    """`price` is USD per token; where none is known it is 1, and spend is counted in tokens."""

    requests: float
    tokens_per_request: float
    price: float

    @property
    def spend(self) -> float:
        return self.requests * self.tokens_per_request * self.price

    @property
    def each(self) -> Mapping[Driver, float]:
        return {
            Driver.REQUESTS: self.requests,
            Driver.TOKENS_PER_REQUEST: self.tokens_per_request,
            Driver.PRICE: self.price,
        }


def parts(*, before: Factors, after: Factors) -> dict[Driver, float]:
    """What each factor adds to spend.

    From 100 requests of 500 tokens to 200 of 250 at the same price spend stands still: requests add as much as their size takes
    away.

    >>> found = parts(before=Factors(100, 500, 0.001), after=Factors(200, 500, 0.001))
    >>> {driver.value: round(part, 6) for driver, part in found.items()}
    {'requests': 50.0, 'tokens per request': 0.0, 'price per token': 0.0}
    """
    if min(before.spend, after.spend) <= 0:  # from nothing or to nothing: there is no size of a request to compare
        return {Driver.REQUESTS: after.spend - before.spend, Driver.TOKENS_PER_REQUEST: 0.0, Driver.PRICE: 0.0}
    mean = logarithmic_mean(after.spend, before.spend)
    return {driver: mean * math.log(after.each[driver] / before.each[driver]) for driver in Driver}


def logarithmic_mean(one: float, other: float) -> float:
    """Between the two: of 100 and 50 it is 72.1; of two that are equal, that."""
    ratio = math.log(one / other)
    return other if abs(ratio) < 1e-12 else (one - other) / ratio


def main_driver(found: Mapping[Driver, float]) -> Driver:
    """Whose part of the change is largest; where they cancel out, the largest in size."""
    total = sum(found.values())
    sign = math.copysign(1.0, total) if abs(total) > 0.2 * max(abs(part) for part in found.values()) else 0.0
    return max(found, key=lambda driver: found[driver] * sign if sign else abs(found[driver]))
