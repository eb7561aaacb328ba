"""The charges of a time from the ledger: each meter of each slice, cut where a price changes and where a month ends."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise

from observability.core.models import Organisation
from sloengine.cost.focus.dataset import Account, Basis, Charge, Row, dataset, unpriced
from sloengine.cost.ledger.pricing import Prices
from sloengine.cost.ledger.queries import spend
from sloengine.cost.ledger.stretches import DAY, day_of, hour_of
from sloengine.cost.prices import Where
from sloengine.cost.queries import currency_of, price_rows

_BY = ("service", "model", "variant", "region", "hardware", "purchase", "tenant", "tag")
_HARDWARE = ("busy", "idle", "shared")


@dataclass(frozen=True, slots=True)
class Export:
    """`left_out` is what has no price: tokens, or milliseconds of hardware."""

    rows: list[Row]
    left_out: int


def export(*, organisation: Organisation, since: datetime, until: datetime, basis: Basis, now: datetime) -> Export:
    """Whole hours in the ledger from `since` until `until`, a row for each day, slice and meter."""
    account = Account(organisation.slug, organisation.name, currency_of(organisation))
    prices = Prices(price_rows(organisation_id=organisation.pk))
    since, until = hour_of(since), min(hour_of(until), hour_of(now))
    edges = {since, until, *prices.cuts(since=since, until=until)}
    day = day_of(since) + DAY
    while day < until:
        edges.add(day)
        day += DAY
    charges: list[Charge] = []
    for start, end in pairwise(sorted(edges)) if since < until else ():
        charges += _charges(organisation, prices, start, end, basis, now)
    return Export(dataset(charges, account=account, basis=basis), unpriced(charges))


def _charges(
    organisation: Organisation, prices: Prices, start: datetime, end: datetime, basis: Basis, now: datetime
) -> list[Charge]:
    found = []
    spent = spend(organisation=organisation, since=start, until=end, by=_BY, now=now, running=False, prices=prices)
    for one in sorted(spent, key=lambda one: one.key):
        words = dict(zip(_BY, one.key, strict=True))
        where = Where(**{name: words[name] for name in ("service", "model", "region", "hardware", "purchase")})
        if basis is Basis.TOKENS:
            used = [
                (token.value, amount, prices.of_class(token, where=where, at=start))
                for token, amount in one.tokens.items()
            ]
        else:
            price = prices.of_hour(where=where, at=start)
            used = [(name, getattr(one.quantities, f"{name}_ms"), price) for name in _HARDWARE]
        found += [
            Charge(start, end, **words, meter=meter, amount=amount, price=price)
            for meter, amount, price in used
            if amount
        ]
    return found
