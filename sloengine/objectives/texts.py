"""YAML text to values and lines: numbers keep the digits that were written, a key given twice is refused. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any

import yaml

from observability.core.documents import Problem

#: A document of more objects is a mistake, or somebody's attempt.
MOST_OBJECTS = 20_000


@dataclass(frozen=True, slots=True)
class Document:
    """A text and the name by which errors call it."""

    file: str
    text: str


@dataclass(frozen=True, slots=True)
class Piece:
    """One object of a text: its value, and where each part of it stands."""

    file: str
    node: yaml.Node
    value: Any

    @property
    def line(self) -> int:
        return int(self.node.start_mark.line) + 1

    def line_of(self, path: str) -> int:
        """The line of "spec.objectives[0].target", or of its nearest parent that exists; 1 is the first line."""
        keys = [] if path == "(document)" else re.findall(r"[^.\[\]]+", path.replace("tailwatch/", "tailwatch~"))
        node = self.node
        for key in (key.replace("tailwatch~", "tailwatch/") for key in keys):
            found = None
            if isinstance(node, yaml.MappingNode):
                found = next((child for name, child in node.value if name.value == key), None)
            elif isinstance(node, yaml.SequenceNode) and key.isdigit() and int(key) < len(node.value):
                found = node.value[int(key)]
            if found is None:
                break
            node = found
        return int(node.start_mark.line) + 1

    def problem(self, path: str, found: object, expected: str) -> Problem:
        return Problem(self.file, self.line_of(path), path, shown(found), expected)


class _Loader(yaml.SafeLoader):
    """Safe, without dates (a start time is text), and with Decimal for numbers that have a point."""

    yaml_implicit_resolvers = {
        first: [pair for pair in pairs if pair[0] != "tag:yaml.org,2002:timestamp"]
        for first, pairs in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }


def _number(loader: yaml.SafeLoader, node: yaml.ScalarNode) -> Decimal | float:
    try:
        return Decimal(loader.construct_scalar(node).replace("_", ""))
    except InvalidOperation:
        return float(loader.construct_yaml_float(node))


_Loader.add_constructor("tag:yaml.org,2002:float", _number)


def pieces(document: Document, problems: list[Problem]) -> list[Piece]:
    """The objects of a text; what cannot be read goes to `problems`."""
    try:
        loader = _Loader(document.text)
        found = []
        while loader.check_node():
            node = loader.get_node()
            if node is not None:
                found.append(Piece(document.file, node, loader.construct_document(node)))
            if len(found) > MOST_OBJECTS:
                raise yaml.YAMLError(f"more than {MOST_OBJECTS} objects")
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        mark = getattr(error, "problem_mark", None)
        said = str(getattr(error, "problem", None) or error)
        line = mark.line + 1 if mark is not None else 1
        problems.append(Problem(document.file, line, "(document)", shown(f"key {said}")[4:], "valid YAML"))
        return []
    found = [piece for piece in found if piece.value is not None]
    if not found:
        problems.append(Problem(document.file, 1, "(document)", "nothing", "an OpenSLO object"))
    for piece in found:
        problems += [
            Problem(document.file, line, key, "the key twice", "each key once") for key, line in _twice(piece.node)
        ]
    return found


def _twice(node: yaml.Node) -> Iterator[tuple[str, int]]:
    stack, seen = [node], set()
    while stack:
        one = stack.pop()
        if id(one) in seen:
            continue
        seen.add(id(one))
        if isinstance(one, yaml.SequenceNode):
            stack += one.value
        elif isinstance(one, yaml.MappingNode):
            keys: set[str] = set()
            for key, value in one.value:
                if key.value in keys:
                    yield str(key.value), key.start_mark.line + 1
                keys.add(str(key.value))
                stack.append(value)


def path_of(location: Sequence[int | str]) -> str:
    """('spec', 'objectives', 0, 'target') is "spec.objectives[0].target"; the names of pydantic's unions are left out."""
    text = ""
    for key in location:
        if isinstance(key, str) and (key in ("str", "function-after") or (key[:1].isupper() and key.isalpha())):
            continue
        text += f"[{key}]" if isinstance(key, int) else f".{key}" if text else key
    return text or "(document)"


def shown(value: object) -> str:
    said = isinstance(value, str) and value.startswith(("nothing", "no ", "key ", "the key "))
    text = str(value) if said or isinstance(value, Decimal) else repr(value)
    return text if len(text) <= 80 else text[:77] + "..."
