"""An invoice beside the ledger: what differs, by class of tokens, and whether by quantity or by price. Pure.

difference = theirs - ours = (their tokens - our tokens) x our price + (their price - our price) x their tokens. 1,100 tokens at
0.12 a thousand invoiced where 1,000 at 0.10 were counted: 0.032 more, 0.010 by quantity and 0.022 by price.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

from sloengine.cost.ledger.apportioning import CENT, rounded, to_cents
from sloengine.cost.ledger.meters import TokenClass
from sloengine.cost.ledger.pricing import Amount
from sloengine.cost.ledger.tables import BadTable, Column, Problem, amount, count, currency, one_of, read_table, word

COLUMNS = {
    "token_class": Column(
        one_of(*TokenClass), f"one of {', '.join(TokenClass)}, or nothing for what is no tokens", default=""
    ),
    "model": Column(word(), "a model, or nothing", default=""),
    "tokens": Column(count, "a whole number of 0 or more", default=0),
    "amount": Column(amount, "an amount such as 12.34; credits are negative", required=True),
    "currency": Column(currency, "three letters such as USD", required=True),
    "text": Column(word(), "what it is for, or nothing", default=""),
}
ZERO = Decimal(0)


@dataclass(frozen=True, slots=True)
class Line:
    token_class: str
    model: str
    tokens: int
    amount: Decimal
    text: str = ""


class Why(StrEnum):
    AGREES = "agrees to the cent"
    DIFFERS = "differs"
    NOT_COUNTED = "we counted none of it"
    NOT_INVOICED = "it is not on the invoice"
    NO_PRICE = "we have no price for it"
    OTHER = "no tokens: support, credits, taxes"


@dataclass(frozen=True, slots=True)
class Compared:
    """One class (of one model, where the invoice names models). Money in cents that adds up to the totals.

    `by_quantity` and `by_price` add up to `difference`; both None where ours is not known.
    """

    token_class: str
    model: str
    why: Why
    our_tokens: int
    their_tokens: int
    ours: Decimal | None
    theirs: Decimal
    difference: Decimal | None
    by_quantity: Decimal | None
    by_price: Decimal | None


@dataclass(frozen=True, slots=True)
class Comparison:
    rows: tuple[Compared, ...]
    ours: Decimal | None
    theirs: Decimal
    difference: Decimal | None


def read(text: str) -> tuple[list[Line], str]:
    """The lines and their currency; BadTable names every wrong cell, a second currency, and a class that is there twice."""
    rows = read_table(text, COLUMNS)
    if not rows:
        raise BadTable([Problem(0, "-", "no line", "at least one")])
    problems = []
    first: dict[tuple[str, str], int] = {}
    codes: list[str] = [cells.pop("currency") for cells in rows]
    for number, (cells, code) in enumerate(zip(rows, codes, strict=True), start=1):
        if code != codes[0]:
            problems.append(Problem(number, "currency", code, codes[0]))
        key = cells["token_class"], cells["model"]
        if cells["token_class"] and first.setdefault(key, number) != number:
            problems.append(
                Problem(number, "token_class", " ".join(filter(None, key)), f"once; row {first[key]} has it")
            )
    if problems:
        raise BadTable(problems)
    return [Line(**cells) for cells in rows], codes[0]


#: What we counted, by class and model.
Ours = Mapping[tuple[str, str], Amount]


def compared(*, lines: Sequence[Line], ours: Ours) -> Comparison:
    """Each class once, in the order of the invoice, then what it leaves out."""
    by_model = all(line.model for line in lines if line.token_class)
    mine: dict[tuple[str, str], Amount] = defaultdict(Amount)
    for (one, model), held in ours.items():
        mine[one, model if by_model else ""] += held
    theirs: dict[tuple[str, str], tuple[int, Decimal]] = defaultdict(lambda: (0, ZERO))
    for line in lines:
        key = (line.token_class, line.model if by_model else "") if line.token_class else ("", line.text or line.model)
        had = theirs[key]
        theirs[key] = had[0] + line.tokens, had[1] + line.amount
    keys = [*theirs, *sorted(key for key in mine if key not in theirs and (mine[key].priced or mine[key].unknown))]
    exact = {key: _parts(key, mine[key], *theirs[key]) for key in keys}
    known = {key: parts for key, parts in exact.items() if parts[1] is not None}
    our_cents = to_cents({key: mine[key].known for key in known})
    their_cents = to_cents({key: theirs[key][1] for key in keys})
    found = tuple(
        _row(key, exact[key][0], exact[key][1], mine[key], theirs[key][0], our_cents.get(key), their_cents[key])
        for key in keys
    )
    whole = sum(their_cents.values(), ZERO)
    counted = sum(our_cents.values(), ZERO) if len(known) == len(keys) else None
    return Comparison(found, counted, whole, None if counted is None else whole - counted)


def _parts(key: tuple[str, str], held: Amount, tokens: int, money: Decimal) -> tuple[Why, Decimal | None]:
    """Why, and what the difference in quantity costs at our price; None where ours is not known."""
    if not key[0]:
        return Why.OTHER, ZERO
    if held.unknown:
        return Why.NO_PRICE, None
    if not held.priced:
        return Why.NOT_COUNTED, ZERO
    by_quantity = (tokens - held.priced) * held.known / held.priced
    if not tokens and not money:
        return Why.NOT_INVOICED, by_quantity
    agrees = tokens == held.priced and abs(money - held.known) < CENT
    return (Why.AGREES if agrees else Why.DIFFERS), by_quantity


def _row(
    key: tuple[str, str],
    why: Why,
    by_quantity: Decimal | None,
    held: Amount,
    tokens: int,
    ours: Decimal | None,
    theirs: Decimal,
) -> Compared:
    difference = None if ours is None else theirs - ours
    quantity = None if by_quantity is None else rounded(by_quantity)
    return Compared(
        token_class=key[0],
        model=key[1],
        why=why,
        our_tokens=held.priced + held.unknown,
        their_tokens=tokens,
        ours=ours,
        theirs=theirs,
        difference=difference,
        by_quantity=quantity,
        by_price=None if difference is None or quantity is None else difference - quantity,
    )
