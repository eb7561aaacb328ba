"""`slo sources`: until when each source was read, what failed, what was missing."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

from django.core.management.base import CommandParser
from django.core.serializers.json import DjangoJSONEncoder
from rich.markup import escape
from rich.table import Table

from observability.core.models import Organisation
from sloengine.collect import queries
from sloengine.management.slo.base import Write, wide_console

HELP = "print what each source said last: queries that failed, parts that were missing"


def arguments(parser: CommandParser) -> None:
    parser.add_argument("--json", action="store_true")


def run(organisation: Organisation, options: dict[str, Any], write: Write) -> None:
    found = queries.standings(organisation=organisation)
    if options["json"]:
        write(json.dumps([asdict(one) for one in found], indent=2, cls=DjangoJSONEncoder))
        return
    console = wide_console()
    table = Table(
        "source", "kind", "state", "read until", "took", "address", box=None, header_style="bold", pad_edge=False
    )
    for one in found:
        until = f"{one.last_tick:%Y-%m-%d %H:%M:%S} UTC" if one.last_tick is not None else "-"
        table.add_row(one.name, one.kind, one.state, until, f"{one.asked_seconds:.2f} s", escape(one.url))
    console.print(table)
    for one in found:
        since = f", since {one.failing_since:%Y-%m-%d %H:%M:%S} UTC" if one.failing_since is not None else ""
        for line in ([one.error + since] if one.error else []) + list(one.warnings):
            console.print(f"{escape(one.name)}: {escape(line)}")
