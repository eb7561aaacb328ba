"""`cost report`: what was spent, by what is asked."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

from django.core.management.base import CommandError, CommandParser
from rich.markup import escape
from rich.table import Table

from observability.core import clock
from observability.core.models import Organisation
from sloengine.cost.ledger.queries import KEYS, Spend, spend
from sloengine.cost.ledger.reporting import Row, report
from sloengine.cost.ledger.stretches import hour_of
from sloengine.management.cost.base import Write, add_service, money, show, sparkline

HELP = "requests, tokens and money by service and tenant, or by what you name"


def arguments(parser: CommandParser) -> None:
    parser.add_argument("--hours", type=int, default=24, help="how far back (24)")
    parser.add_argument("--by", default="service,tenant", help=f"out of {', '.join(KEYS)} (service,tenant)")
    add_service(parser)
    parser.add_argument("--json", action="store_true", help="everything, exactly, as JSON")


def run(organisation: Organisation, options: dict[str, Any], write: Write) -> None:
    now = clock.now()
    if options["hours"] < 1:
        raise CommandError(f"--hours: found {options['hours']}, expected 1 or more")
    by = tuple(word.strip() for word in options["by"].split(",") if word.strip())
    since = hour_of(now - timedelta(hours=options["hours"]))
    window: dict[str, Any] = {"organisation": organisation, "since": since, "until": now, "now": now}
    if options["service"]:
        window["where"] = {"service": options["service"]}
    try:
        found = report(spend(by=by, **window), seconds=(now - since).total_seconds())
    except ValueError as error:
        raise CommandError(f"--by: {error}") from error
    if options["json"]:
        write(json.dumps({"rows": [_plain(by, row) for row in found.rows], "total": _plain((), found.total)}, indent=2))
        return
    if not found.rows:
        write("Nothing was read in that time.")
        return
    step = "hour" if options["hours"] <= 48 else "day"
    series = {} if step in by else _series(spend(by=(*by, step), **window), many=len(by))
    _table(by, [*found.rows, found.total], series, write)
    if found.total.unknown:
        write(f"{found.total.unknown:,} tokens have no price; what the others cost is {money(found.total.cents)}.")


def _series(spent: list[Spend], *, many: int) -> dict[tuple[str, ...], str]:
    """Tokens by hour or day, drawn."""
    times = sorted({one.key[many] for one in spent})
    found: dict[tuple[str, ...], dict[str, float]] = {}
    for one in spent:
        found.setdefault(one.key[:many], {})[one.key[many]] = one.all_tokens
    return {key: sparkline([values.get(time) for time in times]) for key, values in found.items()}


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


def _plain(by: tuple[str, ...], row: Row) -> dict[str, Any]:
    return {
        **dict(zip(by, row.key, strict=False)),
        "requests": row.quantities.requests,
        "tokens": {one.value: amount for one, amount in row.quantities.tokens.items()},
        "usd": None if row.usd is None else str(row.usd),
        "unknown_tokens": row.unknown,
        "hardware_usd": None if row.hardware_usd is None else str(row.hardware_usd),
        "per_1k": None if row.at_list.per_1k is None else str(row.at_list.per_1k),
        "per_request": None if row.at_list.per_request is None else str(row.at_list.per_request),
        "per_success": None if row.at_list.per_success is None else str(row.at_list.per_success),
    }
