"""`cost budgets`: keep spending budgets from YAML, show where they stand."""

from __future__ import annotations

import json
from typing import Any

from django.core.management.base import CommandError, CommandParser
from rich.markup import escape
from rich.table import Table

from observability.core import clock, permissions
from observability.core.models import Organisation
from sloengine.cost.contracts.standing import usd_said
from sloengine.cost.tenantbudgets import queries, services
from sloengine.cost.tenantbudgets.budget import BadBudget
from sloengine.cost.tenantbudgets.models import SpendBudget
from sloengine.management.cost.base import Write, add_files, mappings, show, sparkline

HELP = "spending budgets of tenants, tags and teams: keep them, see what is left and when it will be passed"


def arguments(parser: CommandParser) -> None:
    add_files(parser, "budgets")
    parser.add_argument("--remove", metavar="SLUG", help="remove this one")
    parser.add_argument("--json", action="store_true", help="everything as JSON")


def run(organisation: Organisation, options: dict[str, Any], write: Write) -> None:
    now, actor = clock.now(), permissions.system(organisation, name="cost budgets")
    for where, given in mappings(options["files"]):
        try:
            row = services.put(organisation=organisation, given=given, actor=actor, now=now)
        except BadBudget as problem:
            raise CommandError("\n".join(f"{where}: {line}" for line in problem.problems)) from problem
        write(f"{row.name} is kept as {row.slug}.")
    if options["remove"]:
        gone = SpendBudget.objects.filter(organisation=organisation, slug=options["remove"]).first()
        if gone is None:
            raise CommandError(f"There is no budget {options['remove']!r}.")
        services.remove(budget=gone, actor=actor, now=now)
    found = [
        (row, *queries.state(budget=row, now=now))
        for row in queries.budgets(organisation=organisation).select_related("organisation")
    ]
    if options["json"]:
        plain = [
            {"budget": row.slug, "spent_usd": str(state.spent), "limit_usd": str(state.limits.last_limit), "level": state.level.value,
             "unknown_tokens": state.unknown, "overrun_on": state.overrun_on and state.overrun_on.isoformat()}
            for row, state, _ in found
        ]  # fmt: skip
        write(json.dumps(plain, indent=2))
        return
    if not found:
        write("There is no budget. `cost budgets FILE.yaml` keeps one.")
        return
    table = Table(box=None, header_style="bold", pad_edge=False)
    for name in ("budget", "of", "window", "state", "spent", "limit", "left", "passed on", "day by day"):
        table.add_column(name, justify="right" if name in ("spent", "limit", "left") else "left")
    for row, state, spent in found:
        days = [usd for _, usd in queries.daily(spent, today=state.today, days=40)]
        table.add_row(
            escape(row.name), escape(f"{row.scope} {row.who}"), state.limits.window_said, state.level.value,
            usd_said(state.spent, row.currency),
            usd_said(state.limits.last_limit, row.currency), f"{state.left_ratio * 100:.1f} %",
            state.overrun_on.isoformat() if state.overrun_on else "-", sparkline(days),
        )  # fmt: skip
    show(table, write)
