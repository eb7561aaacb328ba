"""`manage.py slo validate|apply|export|report`."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from observability.core import clock, permissions
from observability.core.models import Organisation
from observability.core.services import default_organisation
from sloengine.budgets.queries import BudgetStatus, budget_status
from sloengine.objectives import services
from sloengine.objectives.objective import goal_sentence
from sloengine.objectives.openslo import InvalidObjectives
from sloengine.objectives.texts import Document


class Command(BaseCommand):
    help = "Objectives: check them, apply them, write them out, report on their budgets."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--organisation", help="slug; the default organisation where left out")
        actions = parser.add_subparsers(dest="action", required=True)
        for name, words in (
            ("validate", "check files and print what they promise"),
            ("apply", "make the objectives what the files say"),
        ):
            action = actions.add_parser(name, help=words)
            action.add_argument(
                "paths", nargs="*", type=Path, help="YAML files or folders of them; the shipped library where left out"
            )
            if name == "apply":
                action.add_argument(
                    "--prune", action="store_true", help="switch off objectives that the files do not name"
                )
                action.add_argument(
                    "--dry-run", action="store_true", help="print what would change, and change nothing"
                )
                action.add_argument("--yes", action="store_true", help="do not ask before pruning")
        actions.add_parser("export", help="print the objectives as OpenSLO v1")
        report = actions.add_parser("report", help="print every budget")
        report.add_argument("--json", action="store_true")

    def handle(self, *args: Any, **options: Any) -> None:
        organisation = self._organisation(options["organisation"])
        getattr(self, f"_{options['action']}")(organisation, options)

    def _organisation(self, slug: str | None) -> Organisation:
        if slug is None:
            return default_organisation()
        found = Organisation.objects.filter(slug=slug).first()
        if found is None:
            there = ", ".join(Organisation.objects.values_list("slug", flat=True))
            raise CommandError(f"There is no organisation {slug!r}; there are: {there}.")
        return found

    def _validate(self, organisation: Organisation, options: dict[str, Any]) -> None:
        try:
            parsed = services.validate(organisation=organisation, documents=documents(options["paths"]))
        except InvalidObjectives as error:
            raise CommandError(str(error)) from error
        for objective in parsed.objectives:
            self.stdout.write(f"{objective.key}: {goal_sentence(objective)}")
        self._say(parsed.notes)
        self.stdout.write(f"{len(parsed.objectives)} objectives, all valid.")

    def _say(self, notes: Sequence[str]) -> None:
        for note in notes:
            self.stdout.write(f"note: {note}")

    def _apply(self, organisation: Organisation, options: dict[str, Any]) -> None:
        found, prune = documents(options["paths"]), options["prune"]
        if options["dry_run"] or (prune and not options["yes"]):
            planned = self._applied(organisation, found, prune=prune, preview=True)
            self._print(planned)
            if options["dry_run"]:
                self.stdout.write("Nothing was changed.")
                return
            question = f"Switch off {len(planned.removed)} objectives that the files do not name? [y/N] "
            if planned.removed and input(question).lower() != "y":
                raise CommandError("Nothing was changed.")
            self._applied(organisation, found, prune=prune)
            self.stdout.write("Done.")
            return
        self._print(self._applied(organisation, found, prune=prune))

    def _print(self, applied: services.Applied) -> None:
        for line in applied.diff:
            self.stdout.write(line)
        self._say(applied.notes)
        self.stdout.write(
            f"{len(applied.added)} added, {len(applied.changed)} changed, {len(applied.removed)} switched off,"
            f" {len(applied.unchanged)} as before."
        )

    def _applied(
        self, organisation: Organisation, found: list[Document], *, prune: bool, preview: bool = False
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

    def _export(self, organisation: Organisation, options: dict[str, Any]) -> None:
        self.stdout.write(services.export(organisation=organisation), ending="")

    def _report(self, organisation: Organisation, options: dict[str, Any]) -> None:
        statuses = budget_status(organisation=organisation, now=clock.now())
        if options["json"]:
            self.stdout.write(json.dumps([as_json(status) for status in statuses], indent=2))
            return
        self.stdout.write(
            f"{'service':<16}{'objective':<22}{'state':<14}{'target':>8}{'attained':>10}{'left':>9}{'burn 1 h':>10}  note"
        )
        for status in statuses:
            burn = "-" if status.burn_rate is None else f"{status.burn_rate:.2f} x"
            self.stdout.write(
                f"{status.service:<16}{status.slug:<22}{status.state:<14}{percent(float(status.target)):>8}"
                f"{percent(status.attained_ratio):>10}{percent(status.remaining_ratio, 1):>9}{burn:>10}  {status.notice}"
            )


def documents(paths: list[Path]) -> list[Document]:
    """The files named, and the YAML files of the folders named; the library where nothing is."""
    if not paths:
        return services.library()
    files = [file for path in paths for file in (sorted(path.glob("*.y*ml")) if path.is_dir() else [path])]
    try:
        return [Document(str(file), file.read_text(encoding="utf-8")) for file in files]
    except (OSError, UnicodeDecodeError) as error:
        raise CommandError(f"{error}; expected a readable YAML file") from error


def percent(ratio: float | None, digits: int = 3) -> str:
    return "-" if ratio is None else f"{ratio * 100:.{digits}f}".rstrip("0").rstrip(".") + " %"


def as_json(status: BudgetStatus) -> dict[str, Any]:
    return {
        "service": status.service,
        "objective": status.slug,
        "goal": status.goal,
        "notice": status.notice,
        "state": str(status.state),
        "target": str(status.target),
        "attained_ratio": status.attained_ratio,
        "spent_ratio": status.spent_ratio,
        "remaining_ratio": status.remaining_ratio,
        "burn_rate_1h": status.burn_rate,
        "exhausted_in_seconds": None if status.exhausted_in is None else status.exhausted_in.total_seconds(),
        "bad": status.bad,
        "total": status.total,
        "unit": status.unit,
        "partial": status.partial,
        "policy": status.policy.step,
        "firing": list(status.firing),
    }
