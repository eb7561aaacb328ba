"""What an export of another system becomes before it is ours, and the report of what has no equivalent."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from incidents.oncall.document import LayerDocument
from observability.core.refusals import Refused


class ExportUnreadable(Refused):
    """The file is not the export that it is said to be; the message names what is missing."""


@dataclass(frozen=True, slots=True)
class DraftUser:
    """A person: `key` is the other system's id."""

    key: str
    username: str
    name: str
    email: str


@dataclass(frozen=True, slots=True)
class DraftSchedule:
    """A schedule with its layers, lowest first; `overrides` are (user key, start, end)."""

    key: str
    name: str
    zone: str
    layers: tuple[LayerDocument, ...]
    overrides: tuple[tuple[str, datetime, datetime], ...] = ()


@dataclass(frozen=True, slots=True)
class DraftStep:
    """Targets are (kind, key) with kind user, schedule or team."""

    targets: tuple[tuple[str, str], ...]
    after_seconds: int
    round_robin: bool = False
    mildest_severity: int = 5


@dataclass(frozen=True, slots=True)
class DraftPolicy:
    key: str
    name: str
    steps: tuple[DraftStep, ...]
    repeats: int = 0


@dataclass(slots=True)
class Draft:
    """Everything of one export. `lost`: one sentence for each thing that has no equivalent here, with its place."""

    users: list[DraftUser] = field(default_factory=list)
    schedules: list[DraftSchedule] = field(default_factory=list)
    policies: list[DraftPolicy] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)

    def usernames(self) -> dict[str, str]:
        """Username by the other system's id."""
        return {user.key: user.username for user in self.users}


def listed(document: Mapping[str, Any], *names: str) -> list[Mapping[str, Any]]:
    """The list under the first of these names; the API's own envelope ("results", "data") may be around it."""
    for name in names:
        found = document.get(name)
        if isinstance(found, Mapping):
            found = found.get("results", found.get("data", found.get(name)))
        if isinstance(found, list):
            return [entry for entry in found if isinstance(entry, Mapping)]
    return []


def username(*, given: str, email: str, taken: Iterable[str]) -> str:
    """A username of ours: the one there, else of the mail address; unique. ("Ana M.", "ana@x.org") → "ana"."""
    base = re.sub(r"[^\w.@+-]+", ".", (given or email.partition("@")[0]).strip()).strip(".").lower()[:140] or "person"
    names = set(taken)
    return next(name for name in (base, *(f"{base}{n}" for n in range(2, 10_000))) if name not in names)


def rotation_unit(seconds: int) -> tuple[str, int] | None:
    """A turn's length as unit and count: 604800 → weekly 1, 43200 → hourly 12; None where it is no whole hour."""
    for unit, length in (("weekly", 604_800), ("daily", 86_400), ("hourly", 3_600)):
        if seconds >= length and seconds % length == 0:
            return unit, seconds // length
    return None


def hours_between(start: str, end: str) -> tuple[str, int]:
    """A window as start and minutes of wall time, over midnight where it ends before it starts: 22:00, 06:00 → 480."""
    first, last = (datetime.strptime(text[:5], "%H:%M") for text in (start, end))  # noqa: DTZ007  times of day
    minutes = (last - first) // timedelta(minutes=1)
    return start[:5], minutes if minutes > 0 else minutes + 1440
