"""`cost invoice`: take one over, and what differs from the ledger by class of tokens."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.core.management.base import CommandError, CommandParser
from rich.markup import escape
from rich.table import Table

from observability.core import clock, permissions
from observability.core.models import Organisation
from sloengine.cost.ledger.invoicing import COLUMNS
from sloengine.cost.ledger.models import Invoice
from sloengine.cost.ledger.queries import reconciled
from sloengine.cost.ledger.services import add_invoice
from sloengine.cost.ledger.tables import BadTable, instant
from sloengine.management.cost.base import Write, add_service, money, read_file, service_named, show

HELP = "take an invoice over and compare it with the ledger; without a number, list them"


def arguments(parser: CommandParser) -> None:
    parser.add_argument("number", nargs="?", help="the invoice's number")
    parser.add_argument("--file", type=Path, help=f"CSV with {', '.join(COLUMNS)}")
    parser.add_argument("--since", default="", help="its first day or hour (UTC)")
    parser.add_argument("--until", default="", help="the day or hour after its last (UTC)")
    add_service(parser)


def run(organisation: Organisation, options: dict[str, Any], write: Write) -> None:
    now = clock.now()
    if options["file"] is not None:
        _add(organisation, options)
    if not options["number"]:
        _list(organisation, write)
        return
    invoice = Invoice.objects.filter(organisation=organisation, number=options["number"]).first()
    if invoice is None:
        raise CommandError(f"There is no invoice {options['number']}.")
    found = reconciled(invoice=invoice, now=now)
    table = Table("class", "model or text", box=None, header_style="bold", pad_edge=False)
    for name in ("our tokens", "their tokens", "ours", "theirs", "difference", "by quantity", "by price"):
        table.add_column(name, justify="right")
    table.add_column("")
    for row in found.rows:
        figures = (row.ours, row.theirs, row.difference, row.by_quantity, row.by_price)
        words = (row.token_class or "-", row.model or "-", f"{row.our_tokens:,}", f"{row.their_tokens:,}")
        table.add_row(*map(escape, words), *map(money, figures), str(row.why))
    table.add_row("total", "", "", "", money(found.ours), money(found.theirs), money(found.difference), style="bold")
    show(table, write)


def _add(organisation: Organisation, options: dict[str, Any]) -> None:
    try:
        since, until = instant(options["since"]), instant(options["until"])
    except ValueError as error:
        raise CommandError("--since and --until: expected dates such as 2026-11-01") from error
    try:
        add_invoice(
            organisation=organisation,
            number=options["number"] or "",
            text=read_file(options["file"]),
            since=since,
            until=until,
            service=service_named(organisation, options["service"]),
            actor=permissions.system(organisation, name="cost invoice"),
            now=clock.now(),
        )
    except BadTable as error:
        raise CommandError("Nothing was taken over.\n" + "\n".join(map(str, error.problems))) from error


def _list(organisation: Organisation, write: Write) -> None:
    rows = Invoice.objects.filter(organisation=organisation).select_related("service").order_by("-since", "number")
    for row in rows:
        service = row.service.slug if row.service else "all services"
        write(f"{row.number}: {row.since:%Y-%m-%d} to {row.until:%Y-%m-%d}, {service}, {row.currency}")
    if not rows:
        write("No invoice was taken over yet.")
