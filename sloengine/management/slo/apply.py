"""`slo apply`: make the objectives what files say, with a diff."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandError, CommandParser

from observability.core import clock, permissions
from observability.core.models import Organisation
from sloengine.management.slo.base import Write, add_paths, documents, say
from sloengine.objectives import services
from sloengine.objectives.openslo import InvalidObjectives
from sloengine.objectives.texts import Document

HELP = "make the objectives what the files say"


def arguments(parser: CommandParser) -> None:
    add_paths(parser)
    parser.add_argument("--prune", action="store_true", help="switch off objectives that the files do not name")
    parser.add_argument("--dry-run", action="store_true", help="print what would change, and change nothing")
    parser.add_argument("--yes", action="store_true", help="do not ask before pruning")


def run(organisation: Organisation, options: dict[str, Any], write: Write) -> None:
    found, prune = documents(options["paths"]), options["prune"]
    if not options["dry_run"] and (not prune or options["yes"]):
        _print(_applied(organisation, found, prune=prune), write)
        return
    planned = _applied(organisation, found, prune=prune, preview=True)
    _print(planned, write)
    if options["dry_run"]:
        write("Nothing was changed.")
        return
    question = f"Switch off {len(planned.removed)} objectives that the files do not name? [y/N] "
    if planned.removed and input(question).lower() != "y":
        raise CommandError("Nothing was changed.")
    _applied(organisation, found, prune=prune)
    write("Done.")


def _print(applied: services.Applied, write: Write) -> None:
    for line in applied.diff:
        write(line)
    say(applied.notes, write)
    write(
        f"{len(applied.added)} added, {len(applied.changed)} changed, {len(applied.removed)} switched off,"
        f" {len(applied.unchanged)} as before."
    )


def _applied(
    organisation: Organisation, found: list[Document], *, prune: bool, preview: bool = False
) -> services.Applied:
    try:
        return services.apply(
            organisation=organisation,
            documents=found,
            actor=permissions.system(organisation, name="slo apply"),
            now=clock.now(),
            prune=prune,
            preview=preview,
        )
    except InvalidObjectives as error:
        raise CommandError(f"{error}\nNothing was changed.") from error
