"""An invoice beside what the ledger says of the same service and time."""

from __future__ import annotations

from datetime import datetime

from sloengine.cost.ledger.invoicing import Comparison, Line, compared
from sloengine.cost.ledger.models import Invoice
from sloengine.cost.ledger.queries.spending import spend


def reconciled(*, invoice: Invoice, now: datetime) -> Comparison:
    """At today's price list for that time: a price that is corrected mends the comparison."""
    lines = [
        Line(row.token_class, row.model, row.tokens, row.amount, row.text) for row in invoice.lines.order_by("position")
    ]
    spent = spend(
        organisation=invoice.organisation,
        since=invoice.since,
        until=invoice.until,
        by=("model",),
        where={} if invoice.service is None else {"service": invoice.service.slug},
        now=now,
        running=False,
    )
    ours = {(one.value, found.key[0]): amount for found in spent for one, amount in found.priced.tokens.items()}
    return compared(lines=lines, ours=ours)
