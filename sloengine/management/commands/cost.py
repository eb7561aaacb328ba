"""`manage.py cost ...`: each verb is a module of sloengine.management.cost."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from sloengine.management.cost import SUBCOMMANDS
from sloengine.management.slo.base import organisation_named


class Command(BaseCommand):
    help = "Cost: who spends how much on what, and whether that is normal."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--organisation", help="slug; the default organisation where left out")
        actions = parser.add_subparsers(dest="action", required=True)
        for name, module in SUBCOMMANDS.items():
            module.arguments(actions.add_parser(name, help=module.HELP))

    def handle(self, *args: Any, **options: Any) -> None:
        SUBCOMMANDS[options["action"]].run(organisation_named(options["organisation"]), options, self.stdout.write)
