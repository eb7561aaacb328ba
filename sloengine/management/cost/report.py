"""`cost report`: what was spent, by what is asked."""

from __future__ import annotations

import json
from typing import Any

from django.core.management.base import CommandError, CommandParser
from rich.markup import escape
from rich.table import Table

from observability.core import clock
from observability.core.models import Organisation
from sloengine.cost.ledger.queries import KEYS, overview
from sloengine.cost.ledger.reporting import Row, plain
from sloengine.management.cost.base import Write, add_service, money, service_named, show, sparkline

HELP = "requests, tokens and money by service and tenant, or by what you name"


def arguments(parser: CommandParser) -> None:
    parser.add_argument("--hours", type=int, default=24, help="how far back (24)")
    parser.add_argument("--by", default="service,tenant", help=f"out of {', '.join(KEYS)} (service,tenant)")
    add_service(parser)
    parser.add_argument("--json", action="store_true", help="everything, exactly, as JSON")


def run(organisation: Organisation, options: dict[str, Any], write: Write) -> None:
    by = tuple(word.strip() for word in options["by"].split(",") if word.strip())
    service = service_named(organisation, options["service"])
    slug = service.slug if service is not None else ""
    try:
        found = overview(organisation=organisation, hours=options["hours"], by=by, now=clock.now(), service=slug)
    except ValueError as error:
        raise CommandError(str(error)) from error
    rows, total = found.report.rows, found.report.total
    if options["json"]:
        write(json.dumps({"rows": [plain(by, row) for row in rows], "total": plain((), total)}, indent=2))
        return
    if not rows:
        write("Nothing was read in that time.")
        return
    _table(by, [*rows, total], {key: sparkline(values) for key, values in found.tokens.items()}, write)
    if total.unknown:
        write(f"{total.unknown:,} tokens have no price; what the others cost is {money(total.cents)}.")


def _table(by: tuple[str, ...], rows: list[Row], series: dict[tuple[str, ...], str], write: Write) -> None:
    table = Table(box=None, header_style="bold", pad_edge=False)
    for name in by:
        table.add_column(name)
    for name in ("requests", "tokens", "at list", "per 1k", "per request", "per answer", "hardware", "per 1k"):
        table.add_column(name, justify="right")
    table.add_column("tokens over time")
    for row in rows:
        last = not row.key
        words = [*(["total", *([""] * (len(by) - 1))] if last else (word or "-" for word in row.key))][: len(by)]
        table.add_row(
            *map(escape, words),
            f"{row.quantities.requests:,}",
            f"{row.tokens:,}",
            money(row.usd),
            _unit(row.at_list.per_1k),
            _unit(row.at_list.per_request),
            _unit(row.at_list.per_success),
            money(row.hardware_usd),
            _unit(row.by_hardware.per_1k),
            series.get(row.key, ""),
            style="bold" if last else "",
        )
    show(table, write)


def _unit(usd: Any) -> str:
    return "-" if usd is None else f"{usd:,.4f}"
