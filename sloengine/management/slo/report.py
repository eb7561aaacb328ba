"""`slo report`: budgets, burn and worst episodes of a period, as a table, Markdown, JSON or CSV."""

from __future__ import annotations

import json
from typing import Any

from django.core.management.base import CommandError, CommandParser
from rich.markup import escape
from rich.table import Table

from observability.core import clock
from observability.core.models import Organisation
from sloengine.management.slo.base import Write, wide_console
from sloengine.reports import period as periods
from sloengine.reports import queries

HELP = "print every budget of a period: attained, spent, burn, worst episodes"
FORMATS = ("table", "markdown", "json", "csv")


def arguments(parser: CommandParser) -> None:
    parser.add_argument("--period", default="30d", help="30d, 2026-11, 2026-Q4 or 2026 (30d)")
    parser.add_argument("--service", default="", help="the objectives of one service; all where left out")
    parser.add_argument("--zone", default="UTC", help="whose months and quarters they are (UTC)")
    parser.add_argument("--format", choices=FORMATS, default="table")
    parser.add_argument("--json", action="store_true", help="the same as --format json")
    parser.add_argument(
        "--sloth-compat",
        action="store_true",
        help="also the mean of 5-minute ratios, which is Sloth's number for a period",
    )


def run(organisation: Organisation, options: dict[str, Any], write: Write) -> None:
    now = clock.now()
    try:
        period = periods.parse(options["period"], now=now, zone=options["zone"])
    except ValueError as error:
        raise CommandError(str(error)) from error
    rows = queries.report(
        organisation=organisation, period=period, now=now, compat=options["sloth_compat"], service=options["service"]
    )
    chosen = "json" if options["json"] else options["format"]
    if chosen == "json":
        write(json.dumps(periods.as_json(rows, period), indent=2))
    elif chosen == "markdown":
        write(periods.as_markdown(rows, period))
    elif chosen == "csv":
        write(periods.as_csv(rows).removesuffix("\n"))
    else:
        _table(rows, period)


def _table(rows: list[periods.Row], period: periods.Period) -> None:
    console = wide_console()
    console.print(f"[bold]{period.name}[/]: {period.start:%Y-%m-%d %H:%M} to {period.end:%Y-%m-%d %H:%M} UTC")
    table = Table(*periods.HEAD, box=None, header_style="bold", pad_edge=False)
    for row in rows:
        table.add_row(*map(escape, periods.cells(row)))
    console.print(table)
    for row in rows:
        for one in row.worst:
            console.print(f"  {periods.said(row, one)}", highlight=False, markup=False)
    for line in periods.decisions(rows):
        console.print(f"  {line}", highlight=False, markup=False)
