"""Invoices: taken whole, once by their number, and compared with the ledger when asked."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction

from observability.core import audit, permissions
from observability.core.models import Organisation
from observability.core.permissions import Actor, Verb
from sloengine.catalog.models import Service
from sloengine.cost.ledger import invoicing
from sloengine.cost.ledger.models import Invoice, InvoiceLine
from sloengine.cost.ledger.tables import BadTable, Problem
from sloengine.cost.models import Price


@transaction.atomic
def add_invoice(
    *, organisation: Organisation, number: str, text: str, since: datetime, until: datetime, actor: Actor, now: datetime,
    service: Service | None = None,
) -> Invoice:  # fmt: skip
    """The lines of a CSV file, for whole hours from `since` until `until`; BadTable names what is wrong, and nothing is kept."""
    permissions.require(actor, Verb.MANAGE_PRICES, service or organisation)
    lines, currency = invoicing.read(text)
    problems = []
    if not number.strip() or len(number) > 100:
        problems.append(Problem(0, "number", repr(number[:20]), "the invoice's number, at most 100 letters"))
    elif Invoice.objects.filter(organisation=organisation, number=number).exists():
        problems.append(Problem(0, "number", number, "an invoice that was not taken before"))
    if until <= since:
        problems.append(Problem(0, "until", f"{until:%Y-%m-%d %H:%M}", f"later than {since:%Y-%m-%d %H:%M}"))
    known = Price.objects.filter(organisation=organisation).values_list("currency", flat=True).first()
    if known is not None and known != currency:
        problems.append(Problem(1, "currency", currency, f"{known}, in which the prices are"))
    if problems:
        raise BadTable(problems)
    invoice = Invoice.objects.create(
        organisation=organisation, service=service, number=number, currency=currency, since=since, until=until,
        by=actor.name[:200], at=now,
    )  # fmt: skip
    InvoiceLine.objects.bulk_create(
        InvoiceLine(
            invoice=invoice, position=position, model=line.model, token_class=line.token_class, tokens=line.tokens,
            amount=line.amount, text=line.text,
        )
        for position, line in enumerate(lines, start=1)
    )  # fmt: skip
    audit.record(actor=actor, verb="add_invoice", obj=invoice, now=now, payload={"number": number, "lines": len(lines)})
    return invoice


@transaction.atomic
def withdraw_invoice(*, invoice: Invoice, actor: Actor, now: datetime) -> None:
    permissions.require(actor, Verb.MANAGE_PRICES, invoice)
    audit.record(actor=actor, verb="withdraw_invoice", obj=invoice, now=now, payload={"number": invoice.number})
    invoice.delete()
