"""What is done with runbooks.

editing.py  one's own written, restored, taken back; every version kept
folder.py   read_folder: those of a Git-tracked folder, refused or taken file by file
running.py  ask, ask_again, run_due: checks as rows, run after the incident opened and again on demand
working.py  begin, tick: people work by a runbook, and the timeline says so
"""

from __future__ import annotations

from incidents.runbooks.services.editing import RunbookElsewhere, RunbookUnusable, restore, save, validated, withdraw
from incidents.runbooks.services.folder import read_folder
from incidents.runbooks.services.running import ask, ask_again, run_checks, run_due
from incidents.runbooks.services.working import begin, drilled, tick

__all__ = [
    "RunbookElsewhere",
    "RunbookUnusable",
    "ask",
    "ask_again",
    "begin",
    "drilled",
    "read_folder",
    "restore",
    "run_checks",
    "run_due",
    "save",
    "tick",
    "validated",
    "withdraw",
]
