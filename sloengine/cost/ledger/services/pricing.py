"""Price lists: taken whole or not at all, and withdrawn row by row."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction

from observability.core import audit, permissions
from observability.core.models import Organisation
from observability.core.permissions import Actor, Verb
from sloengine.catalog.models import Service
from sloengine.cost.ledger import pricelist
from sloengine.cost.ledger.pricelist import Priced
from sloengine.cost.ledger.tables import BadTable, Problem
from sloengine.cost.models import Price
from sloengine.cost.queries import price_row


@transaction.atomic
def add_prices(*, organisation: Organisation, text: str, actor: Actor, now: datetime, source: str = "") -> int:
    """Every row of a CSV price list, or none: BadTable names what is wrong. The number of prices."""
    permissions.require(actor, Verb.MANAGE_PRICES, organisation)
    Organisation.objects.select_for_update().get(pk=organisation.pk)  # two lists at once could not see each other
    new = pricelist.read(text)
    services = {row.slug: row for row in Service.objects.filter(organisation=organisation)}
    unknown = [one for one in new if one.row.service is not None and one.row.service not in services]
    if unknown:
        expected = f"one of {', '.join(sorted(services)) or 'none yet'}, or nothing for every service"
        raise BadTable([Problem(one.number, "service", repr(one.row.service), expected) for one in unknown])
    rows = list(Price.objects.filter(organisation=organisation).select_related("service").order_by("pk"))
    standing = [Priced(price_row(row), row.currency) for row in rows]
    made = pricelist.added(standing=standing, new=new)
    ends = pricelist.ended([*standing, *new])
    for row, one in zip(rows, standing, strict=True):
        if id(one) in ends:
            row.effective_until = ends[id(one)]
    Price.objects.bulk_update(rows, ["effective_until"])
    Price.objects.bulk_create(
        Price(
            organisation=organisation,
            service=services[one.row.service] if one.row.service is not None else None,
            currency=one.currency,
            **{name: getattr(one.row, name) for name in _FIELDS},
        )
        for one in made
    )
    audit.record(
        actor=actor, verb="add_prices", obj=organisation, now=now, payload={"prices": len(made), "source": source}
    )
    return len(made)


_FIELDS = (
    "usd", "unit", "token_class", "model", "region", "hardware", "purchase", "effective_from", "effective_until",
)  # fmt: skip


@transaction.atomic
def withdraw_price(*, price: Price, actor: Actor, now: datetime) -> None:
    """What it priced is of unknown cost from then on, until another is given."""
    permissions.require(actor, Verb.MANAGE_PRICES, price)
    audit.record(actor=actor, verb="withdraw_price", obj=price, now=now, payload={"price": str(price)})
    price.delete()
