"""Severities 1 (worst) to 5 and what they mean."""

from __future__ import annotations

from collections.abc import Mapping
from enum import IntEnum


class Severity(IntEnum):
    """SEV1 is the worst; a smaller number is more severe."""

    SEV1 = 1
    SEV2 = 2
    SEV3 = 3
    SEV4 = 4
    SEV5 = 5


MEANING: Mapping[Severity, str] = {
    Severity.SEV1: "Everyone is affected: all hands, a commander who runs no actions",
    Severity.SEV2: "Users are affected now: someone is woken",
    Severity.SEV3: "Budget is spent faster than planned: today, in working hours",
    Severity.SEV4: "Needs a look: cost or drift",
    Severity.SEV5: "For the record",
}


def pages(severity: Severity) -> bool:
    """SEV1 and SEV2 wake people; others do only when the diagnosis says so."""
    return severity <= Severity.SEV2


def worse(first: Severity, second: Severity) -> bool:
    """Whether `first` is more severe: SEV1 is worse than SEV3."""
    return first < second


def opening(*, kind: str, urgency: str) -> Severity:
    """The severity an alert opens with: page → SEV2; ticket → SEV3, but SEV4 for cost, shift, contract, policy, kpi.

    An alert from outside whose kind no route names is taken as seriously as a burn.

    A source that cannot be read and asks for a page is SEV2 too: while it lasts nobody is watching.
    """
    if urgency == "page":
        return Severity.SEV2
    return Severity.SEV3 if kind in {"burn", "outage", "external"} else Severity.SEV4
