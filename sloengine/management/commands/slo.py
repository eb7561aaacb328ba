"""`manage.py slo validate|apply|export|report`: each is a module of sloengine.management.slo."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from observability.core.models import Organisation
from observability.core.services import default_organisation
from sloengine.management.slo import SUBCOMMANDS


class Command(BaseCommand):
    help = "Objectives: check them, apply them, write them out, report on their budgets."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--organisation", help="slug; the default organisation where left out")
        actions = parser.add_subparsers(dest="action", required=True)
        for name, module in SUBCOMMANDS.items():
            module.arguments(actions.add_parser(name, help=module.HELP))

    def handle(self, *args: Any, **options: Any) -> None:
        organisation = self._organisation(options["organisation"])
        SUBCOMMANDS[options["action"]].run(organisation, options, self.stdout.write)

    def _organisation(self, slug: str | None) -> Organisation:
        if slug is None:
            return default_organisation()
        found = Organisation.objects.filter(slug=slug).first()
        if found is None:
            there = ", ".join(Organisation.objects.values_list("slug", flat=True))
            raise CommandError(f"There is no organisation {slug!r}; there are: {there}.")
        return found
