"""`cost forecast`: tokens and requests of the coming quarter, by service."""

from __future__ import annotations

import json
from typing import Any

from django.core.management.base import CommandParser
from rich.markup import escape
from rich.table import Table

from observability.core import clock
from observability.core.models import Organisation
from sloengine.cost.capacity import telling
from sloengine.cost.forecast.queries import outlooks
from sloengine.management.cost.base import Write, add_service, service_named, show, sparkline

HELP = "tokens and requests of the coming quarter by service, with their interval"


def arguments(parser: CommandParser) -> None:
    add_service(parser)
    parser.add_argument("--json", action="store_true", help="every day, as JSON")


def run(organisation: Organisation, options: dict[str, Any], write: Write) -> None:
    service = service_named(organisation, options["service"])
    found = outlooks(organisation=organisation, now=clock.now(), service=service.slug if service is not None else "")
    if options["json"]:
        rows = [
            {"service": one.service, "last_day": one.last.isoformat(), "tokens": telling.plain_forecast(one.tokens),
             "requests": telling.plain_forecast(one.requests)}
            for one in found
        ]  # fmt: skip
        write(json.dumps(rows, indent=2))
        return
    if not found:
        write("There is no service yet.")
        return
    table = Table(box=None, header_style="bold", pad_edge=False)
    for name in ("service", "tokens, 90 days", "requests, 90 days", "by week"):
        table.add_column(name)
    for one in found:
        weeks = [sum(row.middle for row in one.tokens.ahead[at : at + 7]) for at in range(0, 84, 7)]
        drawn = sparkline(weeks) if one.tokens.ahead else ""
        table.add_row(escape(one.service), telling.between(one.tokens), telling.between(one.requests), drawn)
    show(table, write)
    write("Expected, and between which figures the truth lies 9 times in 10.")
