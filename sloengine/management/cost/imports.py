"""`cost import`: usage from a file, and what was taken over so far."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError, CommandParser
from rich.markup import escape
from rich.progress import Progress
from rich.table import Table

from observability.core import clock, permissions
from observability.core.models import Organisation
from observability.core.refusals import Refused
from sloengine.cost.ledger.models import UsageImport
from sloengine.cost.ledger.services import import_usage, withdraw_import
from sloengine.cost.ledger.tables import BadTable
from sloengine.cost.ledger.usagefile import COLUMNS, TENANT_FROM
from sloengine.management.cost.base import Write, read_file, show

HELP = "take usage over from a CSV file or an OpenAI-style export; without a file, list what was taken over"


def arguments(parser: CommandParser) -> None:
    parser.add_argument("file", nargs="?", type=Path, help=f"CSV with {', '.join(COLUMNS)}; or JSON with --openai")
    parser.add_argument("--openai", metavar="SERVICE", default="", help="an OpenAI-style usage export, of this service")
    parser.add_argument("--tenant-from", choices=TENANT_FROM, default="project_id", help="what of it names the tenant")
    parser.add_argument("--new-services", action="store_true", help="make the services that are not known yet")
    parser.add_argument("--withdraw", type=int, metavar="NUMBER", help="take the rows of this import away again")


def run(organisation: Organisation, options: dict[str, Any], write: Write) -> None:
    now = clock.now()
    actor = permissions.system(organisation, name="cost import")
    if options["withdraw"] is not None:
        taken = UsageImport.objects.filter(organisation=organisation, pk=options["withdraw"]).first()
        if taken is None:
            raise CommandError(f"There is no import {options['withdraw']}.")
        try:
            withdraw_import(taken=taken, actor=actor, now=now)
        except Refused as error:
            raise CommandError(str(error)) from error
        write(f"{taken} is withdrawn; its {taken.rows:,} rows are gone.")
        return
    if options["file"] is None:
        _list(organisation, write)
        return
    text = read_file(options["file"])
    with Progress(transient=True, disable=not sys.stdout.isatty()) as bar:
        task = bar.add_task("Rows", total=None)
        try:
            taken = import_usage(
                organisation=organisation, name=options["file"].name, text=text, actor=actor, now=now,
                service=options["openai"], tenant_from=options["tenant_from"], new_services=options["new_services"],
                progress=lambda done, whole: bar.update(task, completed=done, total=whole),
            )  # fmt: skip
        except BadTable as error:
            raise CommandError("Nothing was taken over.\n" + "\n".join(map(str, error.problems))) from error
    write(f"Import {taken.pk}: {taken.rows:,} rows with {taken.tokens:,} tokens from {taken.name}.")


def _list(organisation: Organisation, write: Write) -> None:
    rows = UsageImport.objects.filter(organisation=organisation).order_by("-at", "-pk")
    table = Table("number", "file", "kind", "rows", "tokens", "by", "at", "withdrawn", box=None, header_style="bold")
    for row in rows:
        withdrawn = f"{row.withdrawn_at:%Y-%m-%d %H:%M}" if row.withdrawn_at else ""
        words = (row.name, row.kind, f"{row.rows:,}", f"{row.tokens:,}", row.by, f"{row.at:%Y-%m-%d %H:%M}", withdrawn)
        table.add_row(str(row.pk), *map(escape, words))
    if rows:
        show(table, write)
    else:
        write("Nothing was taken over yet.")
