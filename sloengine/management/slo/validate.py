"""`slo validate`: what files promise, or everything that is wrong with them."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandError, CommandParser

from observability.core.models import Organisation
from sloengine.management.slo.base import Write, add_paths, documents, say
from sloengine.objectives import services
from sloengine.objectives.objective import goal_sentence
from sloengine.objectives.openslo import InvalidObjectives

HELP = "check files and print what they promise"


def arguments(parser: CommandParser) -> None:
    add_paths(parser)


def run(organisation: Organisation, options: dict[str, Any], write: Write) -> None:
    try:
        parsed = services.validate(organisation=organisation, documents=documents(options["paths"]))
    except InvalidObjectives as error:
        raise CommandError(str(error)) from error
    for objective in parsed.objectives:
        write(f"{objective.key}: {goal_sentence(objective)}")
    say(parsed.notes, write)
    write(f"{len(parsed.objectives)} objectives, all valid.")
