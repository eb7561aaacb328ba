"""What somebody typed after a slash command: "sev2 First tokens are late". Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass

from incidents.response.severity import Severity

LONGEST_TITLE = 300
HELP = "Say how bad it is and what it is, such as: /incident sev2 First tokens of chat are late"
_TYPED = re.compile(r"\s*sev\s*-?([1-5])\b[\s:,-]*(.*)", re.IGNORECASE | re.DOTALL)


@dataclass(frozen=True, slots=True)
class Declared:
    """An incident as somebody says it."""

    severity: Severity
    title: str


def parse(text: str) -> Declared | None:
    """ "sev2 First tokens are late" → SEV2 and the rest as its title; None where either is missing."""
    found = _TYPED.fullmatch(text)
    title = " ".join(found[2].split())[:LONGEST_TITLE] if found is not None else ""
    return Declared(Severity(int(found[1])), title) if found is not None and title else None
