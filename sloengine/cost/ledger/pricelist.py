"""Price lists: read from CSV, checked against each other and against what stands. Pure.

A key (unit, class, service, model, region, hardware, purchase) has one price at a time. One without an end holds until the next of
its key; one with an end may not reach into another, and nothing may begin within it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from itertools import pairwise

from sloengine.cost.ledger.meters import TokenClass
from sloengine.cost.ledger.tables import BadTable, Column, Problem, currency, instant, one_of, price, read_table, word
from sloengine.cost.prices import ANY, PriceRow

UNITS = {"1k_tokens": 1, "1m_tokens": 1000, "gpu_hour": 1}
PLACES = Decimal("0.00000001")
Key = tuple[str, str, str | None, str, str, str, str]


@dataclass(frozen=True, slots=True)
class Priced:
    """A row of a list with its currency; `number` is its line."""

    row: PriceRow
    currency: str = "USD"
    number: int = 0


COLUMNS = {
    "effective_from": Column(instant, "a date or a time such as 2026-11-01", required=True),
    "effective_until": Column(instant, "a date or a time such as 2026-12-01, or nothing"),
    "price": Column(price, "an amount of 0 or more such as 0.11", required=True),
    "currency": Column(currency, "three letters such as USD", required=True),
    "unit": Column(one_of(*UNITS), " or ".join(UNITS), default="1k_tokens"),
    "token_class": Column(one_of(ANY, *TokenClass), f"any or one of {', '.join(TokenClass)}", default=ANY),
    "service": Column(word(), "the slug of a service, or nothing for all of them"),
    "model": Column(word(), "a model, or nothing", default=""),
    "region": Column(word(), "a region, or nothing", default=""),
    "hardware": Column(word(100), "a kind of hardware such as H100, or nothing", default=""),
    "purchase": Column(one_of("reserved", "on_demand"), "reserved or on_demand, or nothing", default=""),
}


def read(text: str) -> list[Priced]:
    """The rows of a CSV file; BadTable names every wrong cell."""
    found, problems = [], []
    for number, cells in enumerate(read_table(text, COLUMNS), start=1):
        money, code, unit = cells.pop("price"), cells.pop("currency"), cells.pop("unit")
        usd = money / UNITS[unit]
        if usd != usd.quantize(PLACES) or usd >= 10**6:
            problems.append(
                Problem(number, "price", f"{money} per {unit}", "at most 8 decimals per 1,000 tokens, under a million")
            )
        if cells["effective_until"] is not None and cells["effective_until"] <= cells["effective_from"]:
            problems.append(
                Problem(number, "effective_until", f"{cells['effective_until']:%Y-%m-%d}", "later than effective_from")
            )
        row = PriceRow(usd=usd, unit="gpu_hour" if unit == "gpu_hour" else "1k_tokens", **cells)
        found.append(Priced(row, code, number))
    if problems:
        raise BadTable(problems)
    return found


def key(row: PriceRow) -> Key:
    return row.unit, row.token_class, row.service, row.model, row.region, row.hardware, row.purchase


def added(*, standing: Sequence[Priced], new: Sequence[Priced]) -> list[Priced]:
    """The new rows, those without an end ended by the next of their key; BadTable where two overlap or name two currencies.

    An open row that stands is ended by the caller where a later one begins (`ended`).
    """
    problems = _currencies(standing, new)
    for rows in _by_key([*standing, *new]).values():
        problems += [found for earlier, later in pairwise(rows) if (found := _clash(earlier, later)) is not None]
    if problems:
        raise BadTable(problems)
    ends = ended([*standing, *new])
    return [
        replace(one, row=replace(one.row, effective_until=ends.get(id(one), one.row.effective_until))) for one in new
    ]


def _clash(earlier: Priced, later: Priced) -> Problem | None:
    """What is wrong with the new one of the two; rows that stand have no number."""
    guilty, other = (later, earlier) if later.number else (earlier, later)
    until = earlier.row.effective_until
    same = earlier.row.effective_from == later.row.effective_from
    if not guilty.number:
        return None
    if same or (until is not None and until > later.row.effective_from):
        return Problem(guilty.number, "effective_from", _said(guilty), f"no overlap with {_said(other)}")
    if until is None and later.row.effective_until is not None and guilty is later:
        expected = f"an end of {_said(earlier)} first, so that it is plain what holds afterwards"
        return Problem(guilty.number, "effective_until", _said(guilty), expected)
    return None


def ended(rows: Iterable[Priced]) -> dict[int, datetime]:
    """By id of a row without an end: where the next of its key begins."""
    return {
        id(earlier): later.row.effective_from
        for mine in _by_key(rows).values()
        for earlier, later in pairwise(mine)
        if earlier.row.effective_until is None
    }


def _by_key(rows: Iterable[Priced]) -> dict[Key, list[Priced]]:
    found: dict[Key, list[Priced]] = defaultdict(list)
    for one in sorted(rows, key=lambda one: one.row.effective_from):
        found[key(one.row)].append(one)
    return found


def _currencies(standing: Sequence[Priced], new: Sequence[Priced]) -> list[Problem]:
    first = next(iter([*standing, *new]), None)
    if first is None:
        return []
    return [
        Problem(one.number, "currency", one.currency, f"{first.currency}, in which the other prices are")
        for one in new
        if one.currency != first.currency
    ]


def _said(one: Priced) -> str:
    until = f" until {one.row.effective_until:%Y-%m-%d}" if one.row.effective_until is not None else ""
    return f"{one.row.usd.normalize():f} from {one.row.effective_from:%Y-%m-%d}{until}"
