"""`manage.py doctor`: what this machine offers, what runs, how it is, how much memory it holds. Exit 1 when something is wrong."""

from __future__ import annotations

import json
import platform
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import django
from django.conf import settings
from django.core.management.base import BaseCommand

from observability.supervisor import home, memory, wheels
from observability.supervisor.problems import SetupError
from observability.supervisor.run import answer

MIB = 2**20
MEMORY_TARGET_BYTES = 1536 * MIB


class Command(BaseCommand):
    help = "Shows whether this machine can run Tailwatch, and how the one that runs here is: parts, fixes, memory."
    requires_system_checks: list[str] = []

    def handle(self, *args: Any, **options: Any) -> None:
        self.wrong = 0
        self.line("python", f"{platform.python_version()}, Django {django.get_version()}")
        self.program("postgresql", wheels.postgres_install)
        self.program("redis", wheels.redis_program)
        for name, program in {"prometheus": "prometheus", "chromium": "chromium"}.items():
            self.line(name, shutil.which(program) or "not installed (only tests need it)")
        self.line("data", str(settings.TAILWATCH_HOME))
        pid = home.running_pid(settings.TAILWATCH_HOME)
        if pid is None:
            self.line("platform", "not running in this data directory")
        else:
            self.line("platform", f"runs as process {pid}")
            self.memory(pid)
            self.parts()
        sys.exit(1 if self.wrong else 0)

    def line(self, name: str, text: str, *, wrong: bool = False) -> None:
        self.wrong += wrong
        self.stdout.write(f"{'!' if wrong else ' '} {name:<12} {text}")

    def program(self, name: str, find: Callable[[], Path]) -> None:
        try:
            self.line(name, str(find()))
        except SetupError as error:
            self.line(name, str(error), wrong=True)

    def memory(self, pid: int) -> None:
        """PSS: a page that processes share is split among them, so the sum is what the platform costs this machine."""
        shares = memory.tree(pid)
        total = sum(share.pss_bytes for share in shares)
        self.line(
            "memory",
            f"{total / MIB:.0f} MiB in {len(shares)} processes (target under {MEMORY_TARGET_BYTES / MIB:.0f} MiB)",
            wrong=total > MEMORY_TARGET_BYTES,
        )
        for branch, command, held in sorted(memory.branches(shares, pid), key=lambda found: -found[2]):
            self.line("", f"{held / MIB:6.0f} MiB  {branch}  {command[-90:]}")

    def parts(self) -> None:
        status, text = answer(f"http://127.0.0.1:{settings.TAILWATCH_PORT}/readyz")
        try:
            parts = json.loads(text)["parts"]
        except (ValueError, KeyError, TypeError):
            seen = f"port {settings.TAILWATCH_PORT} answered {status}" if status else "nobody answers"
            self.line("web", f"{seen}: is PORT the one it runs on?", wrong=True)
            return
        for part in parts:
            wrong = part["state"] != "ok"
            self.line(part["name"], f"{part['state']}: {part['seen']} {part['fix']}".strip(), wrong=wrong)
