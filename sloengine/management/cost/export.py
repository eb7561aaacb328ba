"""`cost export`: a FOCUS 1.2 dataset to a file."""

from __future__ import annotations

import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError, CommandParser
from rich.progress import Progress

from observability.core import clock
from observability.core.models import Organisation
from sloengine.cost.focus.dataset import Basis, Row
from sloengine.cost.focus.exports import FORMATS, encoded
from sloengine.cost.focus.queries import export
from sloengine.cost.ledger.stretches import DAY, day_of
from sloengine.cost.ledger.tables import instant
from sloengine.management.cost.base import Write

HELP = "write spend as a FOCUS 1.2 dataset, CSV or Parquet"


def arguments(parser: CommandParser) -> None:
    parser.add_argument("file", type=Path, help="where to; its ending says the format: .csv or .parquet")
    parser.add_argument("--since", default="", help="the first day (yesterday)")
    parser.add_argument("--until", default="", help="the day after the last (one day after --since)")
    parser.add_argument(
        "--basis", choices=list(Basis), default=Basis.TOKENS.value, help="tokens at the price list, or hardware"
    )


def run(organisation: Organisation, options: dict[str, Any], write: Write) -> None:
    now = clock.now()
    form = options["file"].suffix.removeprefix(".")
    if form not in FORMATS:
        raise CommandError(f"found {options['file'].name}, expected a name that ends in .csv or .parquet")
    try:
        since = instant(options["since"]) if options["since"] else day_of(now - timedelta(days=1))
        until = instant(options["until"]) if options["until"] else since + DAY
    except ValueError as error:
        raise CommandError("--since and --until: expected dates such as 2026-11-01") from error
    if since >= until:
        raise CommandError(f"--until: found {until:%Y-%m-%d}, expected a day after {since:%Y-%m-%d}")
    rows: list[Row] = []
    left_out = 0
    with Progress(transient=True, disable=not sys.stdout.isatty()) as bar:
        task = bar.add_task("Days", total=-(-(until - since) // DAY))
        day = since
        while day < until:
            end = min(day + DAY, until)
            found = export(organisation=organisation, since=day, until=end, basis=Basis(options["basis"]), now=now)
            rows += found.rows
            left_out += found.left_out
            bar.advance(task)
            day = end
    try:
        options["file"].write_bytes(encoded(rows, form=form))
    except OSError as error:
        raise CommandError(f"{error}; expected a file that can be written") from error
    write(f"{len(rows):,} rows in {options['file'].name}.")
    if left_out:
        unit = "tokens" if options["basis"] == Basis.TOKENS else "milliseconds of hardware"
        write(f"{left_out:,} {unit} have no price and are left out.")
