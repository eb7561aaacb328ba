"""`cost what-if`: what would change if, and what to try first."""

from __future__ import annotations

import json
from typing import Any

from django.core.management.base import CommandError, CommandParser
from rich.markup import escape
from rich.table import Table

from observability.core import clock
from observability.core.models import Organisation
from sloengine.cost.contracts.standing import usd_said
from sloengine.cost.whatif import answer, queries
from sloengine.cost.whatif.asked import FIELDS
from sloengine.cost.whatif.plan import decimal
from sloengine.management.cost.base import Write, add_service, show

HELP = "what would change if: route, cache, prompts, replicas, commitment; and the playbook"


def arguments(parser: CommandParser) -> None:
    names = ", ".join(FIELDS)
    parser.add_argument(
        "inputs", nargs="*", metavar="NAME=VALUE", help=f"as in the address of the page: {names}; \\n parts lines"
    )
    add_service(parser)
    parser.add_argument("--json", action="store_true", help="everything, exactly, as JSON")


def run(organisation: Organisation, options: dict[str, Any], write: Write) -> None:
    given: dict[str, str] = {}
    for one in options["inputs"]:
        name, equals, value = one.partition("=")
        if not equals or name not in FIELDS:
            raise CommandError(f"found {one!r}, expected NAME=VALUE with a name out of {', '.join(FIELDS)}")
        given[name] = value.replace("\\n", "\n")
    seen = queries.look(organisation=organisation, service=options["service"] or "", now=clock.now())
    found = answer.answer(given, measured=seen.now, curve=seen.curve, waste=seen.waste)
    if found.outcome is None:
        raise CommandError(found.problem)
    if options["json"]:
        write(json.dumps({"service": seen.service, **answer.as_plain(found), "measured": list(seen.said)}, indent=2))
        return
    write(f"{answer.headline(found)}.")
    for step in found.outcome.steps:
        write(f"  {step.what}: {'not known' if step.usd is None else usd_said(decimal(step.usd))} a month")
    for verdict in found.outcome.verdicts:
        write(f"  {verdict.constraint}: {verdict.would_be}, asked {verdict.asked}: {verdict.holds.value}")
    for note in (*found.outcome.notes, *seen.said):
        write(f"  {note}")
    if not found.plays:
        return
    table = Table(box=None, header_style="bold", pad_edge=False)
    for name in ("try", "what", "saves a month", "confidence", "before it is kept"):
        table.add_column(name, justify="right" if name == "saves a month" else "left")
    for play in found.plays:
        saved = "not known" if play.saved_usd is None else usd_said(decimal(play.saved_usd))
        table.add_row(play.kind.said, escape(play.title), saved, play.confidence.value, escape(play.gate))
    show(table, write)
