"""What is wrong with a document that is validated whole: file, line, path, what was found, what was expected."""

from __future__ import annotations

from dataclasses import dataclass


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
