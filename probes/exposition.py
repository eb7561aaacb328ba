"""Prometheus text exposition: parse it, render it. Pure; the bottom layer that every package may import.

Format: https://prometheus.io/docs/instrumenting/exposition_formats/ (text 0.0.4).
A histogram stays flat: `name_bucket` with an `le` label, `name_sum`, `name_count`.

    ExpositionError
      MalformedExposition    a line that is not a comment, blank or a sample: its number, what was found, what was expected
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from probes import signals

Labels = tuple[tuple[str, str], ...]  # sorted by label name


class Series(NamedTuple):
    name: str
    labels: Labels

    def label(self, name: str) -> str | None:
        for key, value in self.labels:
            if key == name:
                return value
        return None

    def without(self, *names: str) -> Series:
        return Series(self.name, tuple(pair for pair in self.labels if pair[0] not in names))


Samples = dict[Series, float]


class Page(Mapping[Series, float]):
    """A page whose series are the same tuple at every scrape: positions for who knows them, a mapping for everyone else.

    >>> page = Page((series("up"),), [1.0])
    >>> page[series("up")], page.row[0]
    (1.0, 1.0)
    """

    __slots__ = ("_at", "row", "series")

    def __init__(self, keys: tuple[Series, ...], row: Sequence[float]) -> None:
        self.series, self.row = keys, row
        self._at: dict[Series, int] | None = None

    def __getitem__(self, one: Series) -> float:
        if self._at is None:
            self._at = {key: at for at, key in enumerate(self.series)}
        return self.row[self._at[one]]

    def __iter__(self) -> Iterator[Series]:
        return iter(self.series)

    def __len__(self) -> int:
        return len(self.series)


class ExpositionError(ValueError):
    pass


class MalformedExposition(ExpositionError):
    """line 3: found 'tailwatch{', expected a closing brace"""

    def __init__(self, line_number: int, line: str, expected: str) -> None:
        found = line if len(line) <= 120 else line[:117] + "..."
        super().__init__(f"line {line_number}: found {found!r}, expected {expected}")
        self.line_number, self.line, self.expected = line_number, found, expected


def series(name: str, /, **labels: str) -> Series:
    """`series("tailwatch_target_up", service="chat")`; an `le` is normalised as the parser does it."""
    if "le" in labels:
        labels["le"] = bound(labels["le"])
    return Series(name, tuple(sorted(labels.items())))


def bound(text: str | float) -> str:
    """A bucket bound as every source writes it after us: 1, "1" and "1e0" are "1.0"; infinity is "+Inf"."""
    value = float(text)
    return "+Inf" if value == math.inf else repr(value)


class Parser:
    """Parses one target's text again and again: the text before a value seldom changes, so it is looked up, not parsed.

    Memory is bounded by the target: when churn leaves the cache at more than twice the series of a text, it starts anew.
    """

    def __init__(self) -> None:
        self._known: dict[str, Series] = {}

    def parse(self, text: str | bytes) -> Samples:
        if isinstance(text, bytes):
            text = _decoded(text)
        samples: Samples = {}
        known = self._known
        lines = 0
        for number, line in enumerate(text.split("\n"), 1):
            if not line or line[0] == "#":
                continue
            prefix, _, value = line.rpartition(" ")
            try:
                samples[known[prefix]] = float(value)
                if "_" in value:
                    raise MalformedExposition(number, line, "a number")
                lines += 1
            except (KeyError, ValueError) as problem:
                if isinstance(problem, MalformedExposition):
                    raise
                if self._parse_line(number, line, samples):
                    lines += 1
        if lines != len(samples):
            raise _duplicate(text, Parser())
        if len(known) > 2 * len(samples) + 1024:
            self._known = {}
        return samples

    def _parse_line(self, number: int, line: str, samples: Samples) -> bool:
        stripped = line.strip(" \t\r")
        if not stripped or stripped[0] == "#":
            return False
        found, end = _series(number, stripped)
        samples[found] = _value(number, stripped, end)
        self._known[stripped[:end]] = found
        return True


_NAME = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*")
_LABEL = re.compile(r'[ \t]*([a-zA-Z_][a-zA-Z0-9_]*)[ \t]*=[ \t]*"((?:[^"\\]|\\.)*)"[ \t]*')
_ESCAPE = re.compile(r"\\(.)")
_ESCAPED = {"\\": "\\", '"': '"', "n": "\n"}


def _series(number: int, line: str) -> tuple[Series, int]:
    """The series a line begins with, and where its text ends."""
    name = _NAME.match(line)
    if name is None:
        raise MalformedExposition(number, line, "a metric name")
    at = name.end()
    brace = at + len(line[at:]) - len(line[at:].lstrip(" \t"))
    if brace >= len(line) or line[brace] != "{":
        return Series(name.group(), ()), at
    labels: dict[str, str] = {}
    at = brace + 1
    while (pair := _LABEL.match(line, at)) is not None:
        key, value = pair.groups()
        if key in labels:
            raise MalformedExposition(number, line, f"label {key} once")
        labels[key] = _ESCAPE.sub(_unescape, value) if "\\" in value else value
        at = pair.end()
        if at < len(line) and line[at] == ",":
            at += 1
        else:
            break
    closing = at + len(line[at:]) - len(line[at:].lstrip(" \t"))
    if closing >= len(line) or line[closing] != "}":
        raise MalformedExposition(number, line, 'a label as name="value" or a closing brace')
    if "le" in labels:
        try:
            labels["le"] = bound(labels["le"])
        except ValueError:
            raise MalformedExposition(number, line, "a number as le") from None
    return Series(name.group(), tuple(sorted(labels.items()))), closing + 1


def _unescape(found: re.Match[str]) -> str:
    return _ESCAPED.get(found.group(1), found.group())


def _value(number: int, line: str, end: int) -> float:
    words = line[end:].partition(" # ")[0].split()  # OpenMetrics may add an exemplar
    if not words:
        raise MalformedExposition(number, line, "a value after the series")
    if len(words) > 2 or (end < len(line) and line[end] not in " \t" and line[end - 1] != "}"):
        raise MalformedExposition(number, line, "a value and at most a timestamp after the series")
    try:
        if len(words) == 2:
            float(words[1])
        value = float(words[0])
    except ValueError:
        raise MalformedExposition(number, line, "a number") from None
    if "_" in words[0]:
        raise MalformedExposition(number, line, "a number")
    return value


def _decoded(text: bytes) -> str:
    try:
        return text.decode("utf-8")
    except UnicodeDecodeError as problem:
        number = text.count(b"\n", 0, problem.start) + 1
        line = text.split(b"\n")[number - 1].decode("utf-8", "backslashreplace")
        raise MalformedExposition(number, line, "UTF-8") from None


def _duplicate(text: str, parser: Parser) -> MalformedExposition:
    seen: Samples = {}
    for number, line in enumerate(text.split("\n"), 1):
        before = len(seen)
        if line and line[0] != "#" and parser._parse_line(number, line, seen) and len(seen) == before:
            return MalformedExposition(number, line, "each series once")
    return MalformedExposition(1, "", "each series once")


def render(samples: Mapping[Series, float], *, types: Mapping[str, str] | None = None) -> str:
    """The text of samples, families together, with a # TYPE line where `signals` (or `types`, by family) knows the kind."""
    kinds = {**_KINDS, **types} if types else _KINDS
    lines: list[str] = []
    last = ""
    for family, _labels, _order, _bound, one, value in sorted(
        _sort_key(one, value, kinds) for one, value in samples.items()
    ):
        if family != last and family in kinds:
            lines.append(f"# TYPE {family} {kinds[family]}")
        last = family
        lines.append(f"{_text(one)} {_number(value)}")
    return "\n".join(lines) + "\n" if lines else ""


class Renderer:
    """`render` of one page again and again: while its series stay the same, only values are written. A quarter of the time."""

    def __init__(self) -> None:
        self._plan: tuple[dict[Series, float], list[tuple[str, Series]]] = ({}, [])

    def render(self, samples: Samples) -> str:
        known, lines = self._plan
        if samples.keys() != known.keys():
            lines = []
            last = ""
            for family, _labels, _order, _bound, one, _value in sorted(_sort_key(one, 0.0, _KINDS) for one in samples):
                head = f"# TYPE {family} {_KINDS[family]}\n" if family != last and family in _KINDS else ""
                last = family
                lines.append((head + _text(one), one))
            self._plan = dict.fromkeys(samples, 0.0), lines
        return "".join([f"{text} {_number(samples[one])}\n" for text, one in lines])


_KINDS: Mapping[str, str] = {signal.family: signal.kind for signal in signals.SIGNALS.values()}
_PARTS = {"_bucket": 0, "_sum": 1, "_count": 2}


def _sort_key(one: Series, value: float, kinds: Mapping[str, str]) -> tuple[str, Labels, int, float, Series, float]:
    for suffix, order in _PARTS.items():
        if one.name.endswith(suffix) and kinds.get(one.name.removesuffix(suffix)) == "histogram":
            le = one.label("le") if order == 0 else None
            return one.name.removesuffix(suffix), one.without("le").labels, order, float(le or 0), one, value
    return one.name, one.labels, 0, 0.0, one, value


def _number(value: float) -> str:
    if math.isinf(value):
        return "+Inf" if value > 0 else "-Inf"
    return "NaN" if math.isnan(value) else repr(float(value))


def _text(one: Series) -> str:
    if not one.labels:
        return one.name
    return one.name + "{" + ",".join(f'{key}="{_escape(value)}"' for key, value in one.labels) + "}"


def _escape(value: str) -> str:
    return value.replace("\\", r"\\").replace("\n", r"\n").replace('"', r"\"")
