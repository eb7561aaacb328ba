"""Drills: a fault played through the whole path, from simulated engine to acknowledged page.

manage.py gameday list
manage.py gameday run FAULT --virtual [--seed N] [--json]
"""

from __future__ import annotations

import json
import tempfile
from argparse import ArgumentParser
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError
from rich.console import Console
from rich.table import Table

from observability import drills
from observability.core.services import default_organisation
from observability.local_pager import LocalPager
from observability.supervisor.throwaway import throwaway_database
from observability.virtual import aligned
from probes.simfleet.faults import BENIGN, FAULTS

#: A Tuesday morning: traffic on the way to its daily peak.
START = datetime(2026, 11, 17, 9, 0, tzinfo=UTC)


class Command(BaseCommand):
    help = "Drills: list the faults, or play one through the whole path in virtual time."

    def add_arguments(self, parser: ArgumentParser) -> None:
        actions = parser.add_subparsers(dest="action", required=True)
        actions.add_parser("list", help="what can be broken")
        run = actions.add_parser("run", help="break one thing and watch what the platform makes of it")
        run.add_argument("fault", choices=sorted([*FAULTS, *BENIGN]), metavar="FAULT")
        run.add_argument("--seed", type=int, default=1, help="another seed, other traffic (default 1)")
        run.add_argument(
            "--virtual", action="store_true", help="in virtual time, in a database of its own that is thrown away"
        )
        run.add_argument("--json", action="store_true", help="one JSON object and nothing else")

    def handle(self, *, action: str, **options: Any) -> None:
        if action == "list":
            self._list()
        elif options["virtual"]:
            self._run(fault=options["fault"], seed=options["seed"], as_json=options["json"])
        else:
            raise CommandError("a drill in real time starts on the page Drills; here, add --virtual")

    def _list(self) -> None:
        table = Table("fault", "service", "what happens", box=None, header_style="bold", pad_edge=False)
        for fault in FAULTS.values():
            table.add_row(fault.name, fault.service, fault.what)
        table.add_section()
        for event in BENIGN.values():
            table.add_row(event.name, event.service, f"{event.what} Nobody may be woken.")
        Console().print(table)

    def _run(self, *, fault: str, seed: int, as_json: bool) -> None:
        progress = Console(stderr=True, quiet=as_json)
        with (
            tempfile.TemporaryDirectory(prefix="tailwatch-drill-") as folder,
            progress.status(f"playing {fault} through the whole path, in a database of its own"),
            throwaway_database(Path(folder)),
        ):
            call_command("migrate", verbosity=0)
            drill = _play(fault, seed)
        if as_json:
            print(json.dumps(drill.as_json()))
        else:
            _show(drill)
        if not drill.passed:
            raise SystemExit(1)


def _play(fault: str, seed: int) -> drills.Drill:
    settings.TAILWATCH_ALLOW_PRIVATE_OUTBOUND = [
        *settings.TAILWATCH_ALLOW_PRIVATE_OUTBOUND,
        "127.0.0.1",
    ]  # the pager is here
    organisation = default_organisation()
    with LocalPager() as pager:
        world = drills.build_world(
            organisation=organisation, start=aligned(START + timedelta(hours=seed % 8)), seed=seed, pager=pager
        )
        try:
            return drills.play(fault=fault, world=world, pager=pager, seed=seed, acknowledge=drills.acknowledge)
        finally:
            world.close()


def _show(drill: drills.Drill) -> None:
    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column(style="dim")
    table.add_column()
    expected = drill.expected_leaf or "that nobody is woken"
    verdict = "[green]as expected[/]" if drill.passed else f"[red]expected {expected}[/]"
    table.add_row("fault", f"{drill.fault}, seed {drill.seed}")
    table.add_row("incidents", str(drill.incidents))
    table.add_row("detected", _after(drill.detected_after_seconds))
    table.add_row("paged", _after(drill.paged_after_seconds))
    table.add_row("decided", f"{drill.leaf or 'nothing'} ({verdict})")
    table.add_row("path", " > ".join(drill.path) or "none")
    table.add_row("runbook", drill.runbook or "none")
    table.add_row("resolved", _after(drill.resolved_after_seconds))
    if drill.score is not None:
        wrong = [question.value for question, right in drill.score.answers.items() if not right]
        table.add_row("score", drill.score.said + (f"; not: {', '.join(wrong)}" if wrong else ""))
    Console().print(table)


def _after(seconds: float | None) -> str:
    return "never" if seconds is None else f"after {seconds // 60:.0f} min {seconds % 60:.0f} s"
