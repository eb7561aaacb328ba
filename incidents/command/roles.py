"""The roles of an incident, and the checklist of each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

import yaml


class Role(StrEnum):
    """Who does what: one person each, one person may hold several."""

    COMMANDER = "commander"
    OPERATIONS = "operations"
    COMMUNICATIONS = "communications"
    SCRIBE = "scribe"


class ChecklistError(ValueError):
    """The data file is not what it should be; the message says what is expected where."""


@dataclass(frozen=True, slots=True)
class Item:
    """A line of a checklist. `key` is what a tick refers to, so that rewording keeps ticks."""

    key: str
    text: str


@dataclass(frozen=True, slots=True)
class Brief:
    """What a role is for, and its checklist."""

    role: Role
    title: str
    purpose: str
    items: tuple[Item, ...]

    def holds(self, key: str) -> bool:
        """Whether the checklist has this line."""
        return any(item.key == key for item in self.items)


def parse(*, source: str, file: str) -> Mapping[Role, Brief]:
    """The briefs of a checklists file: a mapping of each role to its title, purpose and list of {key: text}."""
    try:
        document = yaml.safe_load(source)
    except yaml.YAMLError as error:
        raise ChecklistError(f"{file}: not YAML: {error}") from error
    if not isinstance(document, dict) or set(document) != {role.value for role in Role}:
        raise ChecklistError(f"{file}: expected one entry for each of {', '.join(Role)}, found {document!r:.200}")
    return {role: _brief(role, document[role.value], file) for role in Role}


def _brief(role: Role, entry: object, file: str) -> Brief:
    if not isinstance(entry, dict) or not all(isinstance(entry.get(name), str) for name in ("title", "purpose")):
        raise ChecklistError(f"{file}: {role}: expected a title, a purpose and a checklist")
    lines = entry.get("checklist")
    if not isinstance(lines, dict) or not lines:
        raise ChecklistError(f"{file}: {role}.checklist: expected lines of the form key: text")
    items = tuple(Item(key=str(key), text=str(text)) for key, text in lines.items())
    return Brief(role=role, title=entry["title"], purpose=entry["purpose"], items=items)
