"""`manage.py slo validate|apply|backtest|export|report|sources`: each is a module of sloengine.management.slo."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from sloengine.management.slo import SUBCOMMANDS
from sloengine.management.slo.base import organisation_named


class Command(BaseCommand):
    help = "Objectives: check them, apply them, write them out, report on their budgets; what their sources said."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--organisation", help="slug; the default organisation where left out")
        actions = parser.add_subparsers(dest="action", required=True)
        for name, module in SUBCOMMANDS.items():
            module.arguments(actions.add_parser(name, help=module.HELP))

    def handle(self, *args: Any, **options: Any) -> None:
        organisation = organisation_named(options["organisation"])
        SUBCOMMANDS[options["action"]].run(organisation, options, self.stdout.write)
