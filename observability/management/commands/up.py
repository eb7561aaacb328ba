"""`manage.py up [--demo]`: the platform on this machine, in the foreground, until Ctrl-C."""

from __future__ import annotations

import os
import sys
from typing import Any

from django.core.management.base import BaseCommand, CommandParser


class Command(BaseCommand):
    help = (
        "Runs the whole platform on this machine. PORT and TAILWATCH_HOME say where; docs/operations.md says the rest."
    )
    requires_system_checks: list[str] = []  # the settings are completed by what this command starts

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--demo", action="store_true", help="with a simulated fleet, a past, and a pager to look at"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Becomes the supervisor, which needs none of Django's 60 MiB."""
        words = ["--demo"] if options["demo"] else []
        sys.stdout.flush()
        os.execv(sys.executable, [sys.executable, "-m", "observability.supervisor", *words])  # noqa: S606 - ourselves
