"""Reads a YAML or JSON document by shape, and says file, path, what was found and what was expected where it differs. Pure.

ShapeError(ValueError)     probes.yaml: targets[2].kind: found 'gpus', expected one of engine, gateway, gpu
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Any, NoReturn

import yaml


class ShapeError(ValueError):
    def __init__(self, file: str, path: str, found: object, expected: str) -> None:
        shown = repr(found)
        super().__init__(
            f"{file}: {path}: found {shown if len(shown) <= 120 else shown[:117] + '...'}, expected {expected}"
        )
        self.file, self.path, self.found, self.expected = file, path, found, expected


@dataclass(frozen=True, slots=True)
class Node:
    """A value in a document and the path to it."""

    file: str
    path: str
    value: object

    def wrong(self, expected: str) -> NoReturn:
        raise ShapeError(self.file, self.path or "(whole file)", self.value, expected)

    def __getitem__(self, key: str) -> Node:
        """The value under key; a value None where the key is absent, so that its reader says what was expected."""
        value = self.value.get(key) if isinstance(self.value, dict) else self.wrong("a mapping")
        return Node(self.file, f"{self.path}.{key}" if self.path else key, value)

    @property
    def given(self) -> bool:
        return self.value is not None

    def only(self, *keys: str) -> Node:
        for key, _ in self.items():
            if key not in keys:
                raise ShapeError(self.file, self.path or "(whole file)", key, "only " + ", ".join(keys))
        return self

    def items(self) -> Iterator[tuple[str, Node]]:
        if not isinstance(self.value, dict) or not all(isinstance(key, str) for key in self.value):
            self.wrong("a mapping with text as keys (quote numbers)")
        return ((key, self[key]) for key in self.value)

    def each(self) -> list[Node]:
        if not isinstance(self.value, list):
            self.wrong("a list")
        return [Node(self.file, f"{self.path}[{at}]", one) for at, one in enumerate(self.value)]

    def text(self) -> str:
        return self.value if isinstance(self.value, str) and self.value else self.wrong("a text")

    def texts(self) -> tuple[str, ...]:
        """A list of texts; one text alone is a list of one."""
        if isinstance(self.value, str):
            return (self.text(),)
        found = tuple(one.text() for one in self.each())
        return found or self.wrong("a text or a list of texts")

    def one_of(self, allowed: Collection[str]) -> str:
        return (
            self.value
            if isinstance(self.value, str) and self.value in allowed
            else self.wrong("one of " + ", ".join(allowed))
        )

    def number(self, *, low: float, high: float) -> float:
        value = self.value
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not low <= value <= high:
            self.wrong(f"a number from {low:g} to {high:g}")
        return float(value)


#: By the C library where it is there: a prompt set of hundreds of lines is read in a tenth of the time.
LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def read(text: str, *, file: str) -> Node:
    """The document of a YAML text (JSON is YAML too)."""
    try:
        return Node(file, "", yaml.load(text, Loader=LOADER))  # noqa: S506  both are safe loaders
    except yaml.YAMLError as problem:
        mark = getattr(problem, "problem_mark", None)
        where = f"line {mark.line + 1}" if mark is not None else "(whole file)"
        raise ShapeError(file, where, getattr(problem, "problem", None) or "no YAML", "YAML") from None
