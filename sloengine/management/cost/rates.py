"""`cost rates`: the prices in force and to come, a list taken over, one withdrawn."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.core.management.base import CommandError, CommandParser
from rich.markup import escape
from rich.table import Table

from observability.core import clock, permissions
from observability.core.models import Organisation
from sloengine.cost.ledger.pricelist import COLUMNS
from sloengine.cost.ledger.services import add_prices, withdraw_price
from sloengine.cost.ledger.tables import BadTable
from sloengine.cost.models import Price
from sloengine.management.cost.base import Write, read_file, show

HELP = "list prices, take over a price list, withdraw a price"


def arguments(parser: CommandParser) -> None:
    parser.add_argument("--import", dest="file", type=Path, help=f"a CSV file with {', '.join(COLUMNS)}")
    parser.add_argument("--withdraw", type=int, metavar="NUMBER", help="the price of this number")


def run(organisation: Organisation, options: dict[str, Any], write: Write) -> None:
    now = clock.now()
    actor = permissions.system(organisation, name="cost rates")
    if options["file"] is not None:
        try:
            text = read_file(options["file"])
            count = add_prices(organisation=organisation, text=text, actor=actor, now=now, source=options["file"].name)
        except BadTable as error:
            raise CommandError("Nothing was taken over.\n" + "\n".join(map(str, error.problems))) from error
        write(f"{count} prices taken over from {options['file'].name}.")
    if options["withdraw"] is not None:
        price = Price.objects.filter(organisation=organisation, pk=options["withdraw"]).first()
        if price is None:
            raise CommandError(f"There is no price {options['withdraw']}.")
        withdraw_price(price=price, actor=actor, now=now)
        write(f"Price {options['withdraw']} is withdrawn; what it priced is of unknown cost.")
    _list(organisation, write)


def _list(organisation: Organisation, write: Write) -> None:
    rows = Price.objects.filter(organisation=organisation).select_related("service")
    table = Table(box=None, header_style="bold", pad_edge=False)
    for name in ("number", "unit", "class", "service", "model", "region", "hardware", "purchase", "from", "until"):
        table.add_column(name)
    table.add_column("price", justify="right")
    for row in rows.order_by("unit", "service__slug", "model", "token_class", "effective_from", "pk"):
        words = (
            str(row.pk), row.get_unit_display(), row.token_class, row.service.slug if row.service else "every", row.model or "any",
            row.region or "any", row.hardware or "any", row.purchase or "any", f"{row.effective_from:%Y-%m-%d}",
            f"{row.effective_until:%Y-%m-%d}" if row.effective_until else "-", f"{row.usd.normalize():f} {row.currency}",
        )  # fmt: skip
        table.add_row(*map(escape, words))
    if rows:
        show(table, write)
    else:
        write("There is no price yet; what is used is of unknown cost.")
