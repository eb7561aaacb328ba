"""Whole numbers given out so that the parts add up to the whole. Pure.

Largest remainder (Hamilton): each part gets the floor of its share, and what is left goes to the largest fractions, the first of
equals first. 100 over (1, 1, 1) is (34, 33, 33).
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from decimal import ROUND_HALF_EVEN, Decimal
from fractions import Fraction
from typing import TypeVar

Key = TypeVar("Key", bound=Hashable)
CENT = Decimal("0.01")


def apportion(whole: int, weights: Sequence[int]) -> list[int]:
    """`whole` in proportion to weights of 0 and more; all zero: the first part takes everything.

    >>> apportion(100, [1, 1, 1])
    [34, 33, 33]
    """
    total = sum(weights)
    if total == 0:
        return [whole, *([0] * (len(weights) - 1))] if weights else []
    parts = [divmod(whole * weight, total) for weight in weights]
    given = [part for part, _ in parts]
    order = sorted(range(len(parts)), key=lambda i: (-parts[i][1], i))
    for i in order[: whole - sum(given)]:
        given[i] += 1
    return given


def rounded(amount: Decimal, *, unit: Decimal = CENT) -> Decimal:
    """Half to even, as invoices are rounded: 0.125 is 0.12."""
    return amount.quantize(unit, rounding=ROUND_HALF_EVEN)


def to_cents(parts: Mapping[Key, Decimal], *, unit: Decimal = CENT, whole: Decimal | None = None) -> dict[Key, Decimal]:
    """Each part in whole units, none more than one unit off, and together the rounded sum (or `whole`, rounded above it).

    Three thirds of 1.00 are 0.34, 0.33, 0.33. A level below is rounded to the figures of the level above, so a report adds up at
    every level.
    """
    if whole is None:
        whole = rounded(sum(parts.values(), Decimal(0)), unit=unit)
    exact = {key: Fraction(amount) / Fraction(unit) for key, amount in parts.items()}
    floors = {key: amount.numerator // amount.denominator for key, amount in exact.items()}
    left = int(whole / unit) - sum(floors.values())
    order = sorted(exact, key=lambda key: floors[key] - exact[key])
    turns = {key: turn for turn, key in enumerate(order)}
    many = len(order) or 1
    more, extra = divmod(left, many)
    return {key: (floors[key] + more + (turns[key] < extra)) * unit for key in parts}
