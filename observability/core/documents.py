"""What is wrong with a document that is validated whole: file, line, path, what was found, what was expected."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import TypeVar

import yaml

#: Longer documents are refused unread.
LARGEST_BYTES = 256 * 1024
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}

Made = TypeVar("Made")


@dataclass(frozen=True, slots=True)
class Problem:
    """`str()` is the sentence: "slos.yaml:7: spec.target: found 99.5, expected a quoted ratio"."""

    file: str
    line: int
    path: str
    found: str
    expected: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.path or 'the file'}: found {self.found}, expected {self.expected}"


class WithProblems(Exception):
    """What an error about a document is besides its own kind: every problem in order, each a line of its message."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(str(problem) for problem in self.problems))


class NodeReader:
    """Walks the nodes of a YAML document, so that every problem knows its line; what does not fit is gathered, not raised."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.problems: list[Problem] = []

    def read(self, text: str, make: Callable[[yaml.Node], Made], *, refused: type[WithProblems]) -> Made | None:
        """What `make` makes of the document's root; None where the document is empty. Raises `refused` with every problem."""
        size = len(text.encode())
        if size > LARGEST_BYTES:
            raise refused([Problem(self.file, 1, "", f"{size} bytes", f"at most {LARGEST_BYTES}")])
        root = self.compose(text)
        found = None if root is None else make(root)
        if self.problems:
            raise refused(self.problems)
        return found

    def compose(self, text: str) -> yaml.Node | None:
        """The document's root; None where it is empty or no YAML, which is a problem then."""
        try:
            root: yaml.Node | None = yaml.compose(text, Loader=yaml.SafeLoader)
        except yaml.YAMLError as error:
            line = getattr(getattr(error, "problem_mark", None), "line", 0) + 1
            self.problems.append(Problem(self.file, line, "", str(error).splitlines()[0], "YAML"))
            return None
        return root

    def refuse(self, node: yaml.Node, path: str, expected: str, found: str = "") -> None:
        found = found or (
            repr(node.value) if isinstance(node, yaml.ScalarNode) else f"a {getattr(node, 'id', 'value')}"
        )
        self.problems.append(Problem(self.file, node.start_mark.line + 1, path, found, expected))

    def mapping(self, node: yaml.Node, path: str, known: Iterable[str]) -> dict[str, yaml.Node]:
        """By key, each of `known` at most once."""
        names = tuple(known)
        if not isinstance(node, yaml.MappingNode):
            self.refuse(node, path, "a mapping")
            return {}
        found: dict[str, yaml.Node] = {}
        for key, value in node.value:
            name = str(key.value)
            if name in names and name not in found:
                found[name] = value
            else:
                expected = "each key once" if name in found else f"one of {', '.join(names)}"
                self.refuse(key, path, expected)
        return found

    def entries(self, node: yaml.Node | None, path: str) -> Iterator[tuple[str, yaml.Node, str]]:
        """(key, value, path) of a mapping whose keys are the writer's own, each once."""
        if node is None:
            return
        if not isinstance(node, yaml.MappingNode):
            self.refuse(node, path, "a mapping")
            return
        seen: set[str] = set()
        for key, value in node.value:
            name = str(key.value)
            if name in seen:
                self.refuse(key, path, "each key once")
                continue
            seen.add(name)
            yield name, value, f"{path}.{name}" if path else name

    def items(self, node: yaml.Node | None, path: str) -> Iterator[tuple[yaml.Node, str]]:
        if node is None:
            return
        if not isinstance(node, yaml.SequenceNode):
            self.refuse(node, path, "a list")
            return
        for index, value in enumerate(node.value):
            yield value, f"{path}[{index}]"

    def text(self, node: yaml.Node, path: str, expected: str = "a text") -> str:
        if isinstance(node, yaml.ScalarNode) and node.value and len(node.value) <= 200:
            return str(node.value)
        self.refuse(node, path, expected)
        return ""

    def texts(self, node: yaml.Node, path: str) -> tuple[str, ...]:
        return tuple(self.text(one, at) for one, at in self.items(node, path))

    def truth(self, node: yaml.Node, path: str) -> bool:
        if isinstance(node, yaml.ScalarNode) and node.value in {"true", "false"}:
            return bool(node.value == "true")
        self.refuse(node, path, "true or false")
        return False

    def whole(self, node: yaml.Node, path: str, *, low: int, high: int) -> int:
        """A whole number from `low` to `high`."""
        text = str(node.value) if isinstance(node, yaml.ScalarNode) else ""
        if text.isascii() and text.isdigit() and low <= int(text) <= high:
            return int(text)
        self.refuse(node, path, f"a whole number from {low} to {high}")
        return low

    def one_of(self, names: tuple[str, ...]) -> Callable[[yaml.Node, str], str]:
        def read(node: yaml.Node, path: str) -> str:
            if isinstance(node, yaml.ScalarNode) and node.value in names:
                return str(node.value)
            self.refuse(node, path, f"one of {', '.join(names)}")
            return names[0]

        return read

    def span(self, node: yaml.Node, path: str) -> timedelta:
        """A span such as "30s", "5m", "2h" or "1d"; at most a week."""
        text = str(node.value) if isinstance(node, yaml.ScalarNode) else ""
        seconds = int(text[:-1]) * _UNITS[text[-1]] if text[:-1].isdecimal() and text[-1:] in _UNITS else -1
        if not 0 <= seconds <= 7 * 86400:
            self.refuse(node, path, "a span such as 30s, 5m or 2h, at most 7d")
            return timedelta(0)
        return timedelta(seconds=seconds)
