"""Actions: turned on and bound (settings), asked for and approved (asking), carried out (working), looked after (verifying).

Lowest first: rows; settings; asking; proposing; working; verifying.
"""

from __future__ import annotations

from incidents.actions.services.asking import approve, propose, refuse, rehearse, settle, start, undo
from incidents.actions.services.proposing import propose_due
from incidents.actions.services.rows import ActionRefused
from incidents.actions.services.settings import (
    DocumentUnusable,
    forget_secret,
    keep_secret,
    resume,
    set_document,
    stop,
    turn,
    validated,
)
from incidents.actions.services.verifying import verify_due
from incidents.actions.services.working import run_due

__all__ = [
    "ActionRefused",
    "DocumentUnusable",
    "approve",
    "forget_secret",
    "keep_secret",
    "propose",
    "propose_due",
    "refuse",
    "rehearse",
    "resume",
    "run_due",
    "set_document",
    "settle",
    "start",
    "stop",
    "turn",
    "undo",
    "validated",
    "verify_due",
]
