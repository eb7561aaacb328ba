"""What quantities cost at prices, exactly. Pure; nothing is rounded, and what has no price is counted as unknown, never as 0.

Two bases stand beside each other: tokens at the price list, and hardware time at the price of its hour. 2,400,000 tokens at 0.11 a
thousand are 264.00; two GPUs for half an hour at 2.50 are 2.50.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal

from sloengine.cost.ledger.meters import MS_PER_HOUR, Quantities, TokenClass
from sloengine.cost.prices import PER_TOKENS, PriceRow, Where, changes, price_of

ZERO = Decimal(0)


@dataclass(frozen=True, slots=True)
class Amount:
    """Money that is known, and how much of what is to be paid has no price: tokens, or milliseconds of hardware."""

    known: Decimal = ZERO
    unknown: int = 0
    priced: int = 0

    def __add__(self, other: Amount) -> Amount:
        return Amount(self.known + other.known, self.unknown + other.unknown, self.priced + other.priced)

    @property
    def usd(self) -> Decimal | None:
        """None as soon as a part has no price; nothing used costs nothing."""
        return None if self.unknown else self.known


@dataclass(frozen=True, slots=True)
class Priced:
    """The money of some quantities: tokens by class at the price list; hardware at work, idle and shared."""

    tokens: Mapping[TokenClass, Amount] = field(default_factory=dict)
    busy: Amount = Amount()
    idle: Amount = Amount()
    shared: Amount = Amount()
    unhoused: int = 0  # tokens that ran on hardware that nobody told

    def __add__(self, other: Priced) -> Priced:
        classes = {*self.tokens, *other.tokens}
        return Priced(
            {one: self.tokens.get(one, Amount()) + other.tokens.get(one, Amount()) for one in sorted(classes)},
            self.busy + other.busy,
            self.idle + other.idle,
            self.shared + other.shared,
            self.unhoused + other.unhoused,
        )

    @property
    def at_list(self) -> Amount:
        return _sum(self.tokens.values())

    @property
    def hardware(self) -> Amount:
        return self.busy + self.idle + self.shared


class Prices:
    """A price list that answers quickly: each question once. A price that begins within an hour holds for all of that hour."""

    def __init__(self, rows: Iterable[PriceRow]) -> None:
        # Newest first: of two that begin within one hour the later one holds.
        newest_first = sorted(rows, key=lambda row: row.effective_from, reverse=True)
        self._rows = [
            replace(row, effective_from=_hour(row.effective_from), effective_until=row.effective_until and _hour(row.effective_until))
            for row in newest_first
        ]  # fmt: skip
        self._numbers: dict[tuple[Where, datetime], int] = {}
        self._lists: dict[tuple[tuple[Decimal | None, ...], Decimal | None, bool], int] = {}
        self._known: dict[tuple[Where, datetime], tuple[dict[TokenClass, Decimal | None], Decimal | None]] = {}

    def cuts(self, *, since: datetime, until: datetime) -> list[datetime]:
        """The hours within since..until at which something costs something else."""
        return sorted(at for at in changes(self._rows) if since < at < until)

    def priced(self, quantities: Quantities, *, where: Where, at: datetime) -> Priced:
        """What was used in a stretch that begins at `at` and in which no price changes."""
        by_class, hardware = self._of(where, at)
        return _priced(quantities, by_class, hardware, housed=bool(where.hardware))

    def number(self, *, where: Where, at: datetime) -> int:
        """The same for every place and stretch in which the same prices hold: what is used there may be added up before `at`."""
        found = self._numbers.get((where, at))
        if found is None:
            by_class, hardware = self._of(where, at)
            prices = tuple(by_class.values()), hardware, bool(where.hardware)
            found = self._lists.setdefault(prices, len(self._lists))
            self._numbers[where, at] = found
        return found

    def at(self, number: int, quantities: Quantities) -> Priced:
        by_class, hardware, housed = next(prices for prices, mine in self._lists.items() if mine == number)
        return _priced(quantities, dict(zip(TokenClass, by_class, strict=True)), hardware, housed=housed)

    def of_class(self, one: TokenClass, *, where: Where, at: datetime) -> Decimal | None:
        """Per 1,000 tokens of a class."""
        return self._of(where, at)[0][one]

    def of_hour(self, *, where: Where, at: datetime) -> Decimal | None:
        return self._of(where, at)[1]

    def _of(self, where: Where, at: datetime) -> tuple[dict[TokenClass, Decimal | None], Decimal | None]:
        found = self._known.get((where, at))
        if found is None:
            by_class = {one: price_of(self._rows, where=where, at=at, token_class=one.value) for one in TokenClass}
            hardware = price_of(self._rows, where=where, at=at, unit="gpu_hour")
            found = self._known[where, at] = by_class, hardware
        return found


def total(parts: Sequence[Priced]) -> Priced:
    whole = Priced()
    for part in parts:
        whole += part
    return whole


def _priced(
    quantities: Quantities, by_class: Mapping[TokenClass, Decimal | None], hardware: Decimal | None, *, housed: bool
) -> Priced:
    return Priced(
        {one: _tokens(amount, by_class[one]) for one, amount in quantities.tokens.items()},
        _hours(quantities.busy_ms, hardware),
        _hours(quantities.idle_ms, hardware),
        _hours(quantities.shared_ms, hardware),
        0 if housed else sum(quantities.tokens.values()),
    )


def _tokens(amount: int, per_1k: Decimal | None) -> Amount:
    return Amount(unknown=amount) if per_1k is None else Amount(amount * per_1k / PER_TOKENS, priced=amount)


def _hours(ms: int, per_hour: Decimal | None) -> Amount:
    if not ms:
        return Amount()
    return Amount(unknown=ms) if per_hour is None else Amount(ms * per_hour / MS_PER_HOUR, priced=ms)


def _sum(amounts: Iterable[Amount]) -> Amount:
    whole = Amount()
    for amount in amounts:
        whole += amount
    return whole


def _hour(at: datetime) -> datetime:
    return at.replace(minute=0, second=0, microsecond=0)
