"""A past incident's stored answers under another tree: would it have come to another leaf?"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from incidents.diagnosis.evidence import Answer, cannot_tell
from incidents.diagnosis.tree import Tree, evaluate


@dataclass(frozen=True, slots=True)
class Past:
    """One incident as it was stored."""

    number: int
    service: str
    title: str
    leaf: str
    confidence: float | None
    diagnosis: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Compared:
    """`running`: the leaf under the tree that runs. `untold`: signals that the draft asked and the incident had not stored."""

    past: Past
    running: str
    draft: str
    confidence: float
    untold: tuple[str, ...]

    @property
    def changed(self) -> bool:
        return self.draft != self.running


@dataclass(slots=True)
class StoredSignals:
    """The answers an incident kept; what it did not ask cannot be told now."""

    values: Mapping[str, Answer]
    missing: list[str] = field(default_factory=list)

    def ask(self, name: str) -> Answer:
        if name in self.values:
            return self.values[name]
        if name not in self.missing:
            self.missing.append(name)
        return cannot_tell("not stored with this incident")


def stored(diagnosis: Mapping[str, Any]) -> dict[str, Answer]:
    """Every answer in a stored diagnosis: those listed whole, and of older ones those that stand as evidence."""
    found: dict[str, Answer] = {}
    pieces = [piece for node in diagnosis.get("nodes") or () for piece in node.get("evidence") or ()]
    for piece in [*pieces, *(diagnosis.get("expectations") or ())]:
        value, window = piece.get("value"), int(piece.get("window_seconds") or 0)
        found[piece["signal"]] = (
            cannot_tell("could not be told then") if value is None else Answer(float(value), window)
        )
    for name, told in (diagnosis.get("answers") or {}).items():
        value = told.get("value")
        detail = str(told.get("detail") or "")
        found[name] = cannot_tell("could not be told then") if value is None else Answer(float(value), detail=detail)
    return found


def compare(*, past: Past, running: Tree, draft: Tree) -> Compared:
    values = stored(past.diagnosis)
    signals = StoredSignals(values)
    found = evaluate(tree=draft, signals=signals)
    untold = tuple(signals.missing)
    before = evaluate(tree=running, signals=StoredSignals(values))
    return Compared(past, before.leaf.id, found.leaf.id, found.confidence, untold)
