"""A report's rows from what was spent: money in cents that adds up, and what a request and a thousand tokens cost. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Protocol

from sloengine.cost.ledger.apportioning import to_cents
from sloengine.cost.ledger.meters import Quantities
from sloengine.cost.ledger.pricing import Amount, Priced


class Spent(Protocol):
    @property
    def key(self) -> tuple[str, ...]: ...
    @property
    def quantities(self) -> Quantities: ...
    @property
    def priced(self) -> Priced: ...


@dataclass(frozen=True, slots=True)
class Unit:
    """What one of each costs, exactly; None where there was none or a price is not known.

    `per_success` carries the cost of failed, aborted and recomputed work: 10 USD for 90 answers and 10 failures are 0.10 a request
    and 0.111... an answer. By hardware it is known only where all of the tokens ran on hardware that was told.
    """

    per_request: Decimal | None
    per_success: Decimal | None
    per_1k: Decimal | None
    per_1m: Decimal | None


@dataclass(frozen=True, slots=True)
class Row:
    """One group of a report. `cents` and `hardware_cents` are rounded so that rows add up to the total that is shown."""

    key: tuple[str, ...]
    quantities: Quantities
    priced: Priced
    cents: Decimal
    hardware_cents: Decimal
    at_list: Unit
    by_hardware: Unit
    tokens_per_second: float

    @property
    def tokens(self) -> int:
        return sum(self.quantities.tokens.values())

    @property
    def unknown(self) -> int:
        """Tokens without a price."""
        return self.priced.at_list.unknown

    @property
    def usd(self) -> Decimal | None:
        return None if self.unknown else self.cents

    @property
    def hardware_usd(self) -> Decimal | None:
        hardware = self.priced.hardware
        return None if hardware.unknown or not hardware.priced else self.hardware_cents


@dataclass(frozen=True, slots=True)
class Report:
    rows: tuple[Row, ...]
    total: Row


def report(spent: Sequence[Spent], *, seconds: float) -> Report:
    """Rows in the order given, and their total."""
    quantities, priced = Quantities(), Priced()
    for one in spent:
        quantities, priced = quantities + one.quantities, priced + one.priced
    cents = to_cents({i: one.priced.at_list.known for i, one in enumerate(spent)})
    hardware = to_cents({i: one.priced.hardware.known for i, one in enumerate(spent)})
    rows = tuple(
        _row(one.key, one.quantities, one.priced, cents[i], hardware[i], seconds) for i, one in enumerate(spent)
    )
    total = _row((), quantities, priced, sum(cents.values(), Decimal(0)), sum(hardware.values(), Decimal(0)), seconds)
    return Report(rows, total)


def _row(
    key: tuple[str, ...],
    quantities: Quantities,
    priced: Priced,
    cents: Decimal,
    hardware_cents: Decimal,
    seconds: float,
) -> Row:
    tokens = sum(quantities.tokens.values())
    return Row(
        key=key,
        quantities=quantities,
        priced=priced,
        cents=cents,
        hardware_cents=hardware_cents,
        at_list=unit(priced.at_list, quantities),
        by_hardware=unit(priced.hardware if not priced.unhoused else Amount(unknown=priced.unhoused), quantities),
        tokens_per_second=tokens / seconds if seconds > 0 else 0.0,
    )


def unit(amount: Amount, quantities: Quantities) -> Unit:
    """264 USD for 2,400,000 tokens are 0.11 a thousand; unknown as soon as a part is."""
    usd = amount.usd if amount.priced else None
    per_1k = _per(usd, sum(quantities.tokens.values()), 1000)
    return Unit(
        per_request=_per(usd, quantities.requests, 1),
        per_success=_per(usd, quantities.requests_ok, 1),
        per_1k=per_1k,
        per_1m=None if per_1k is None else per_1k * 1000,
    )


def _per(usd: Decimal | None, amount: int, many: int) -> Decimal | None:
    return None if usd is None or not amount else usd * many / amount


def plain(by: Sequence[str], row: Row) -> dict[str, object]:
    """A row for JSON: money as exact text, None where it is not known."""
    return {
        "key": dict(zip(by, row.key, strict=False)),
        "requests": row.quantities.requests,
        "answers": row.quantities.requests_ok,
        "tokens": {one.value: amount for one, amount in row.quantities.tokens.items()},
        "tokens_per_second": round(row.tokens_per_second, 3),
        "usd": _text(row.usd),
        "known_usd": str(row.cents),
        "unknown_tokens": row.unknown,
        "hardware_usd": _text(row.hardware_usd),
        "idle_usd": _text(row.priced.idle.usd if row.priced.idle.priced else None),
        "at_list": _units(row.at_list),
        "by_hardware": _units(row.by_hardware),
    }


def _units(unit: Unit) -> dict[str, str | None]:
    """Without the zeros that a price list's eight decimals leave behind."""
    exact = {name: getattr(unit, name) for name in ("per_request", "per_success", "per_1k", "per_1m")}
    return {name: None if usd is None else format(usd.normalize(), "f") for name, usd in exact.items()}


def _text(usd: Decimal | None) -> str | None:
    return None if usd is None else str(usd)
