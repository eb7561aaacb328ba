"""Matchers: which alerts are meant, in Alertmanager's words.

    severity="critical"   service!="chat"   region=~"eu-.*"   tenant!~"test|demo"

A regular expression must fit the whole value. A label that an alert does not have is the empty text, as in Alertmanager.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache

_WRITTEN = re.compile(r"""\s*([A-Za-z_][A-Za-z0-9_.\-/]*)\s*(=~|!~|!=|=)\s*(?:"((?:[^"\\]|\\.)*)"|([^\s",{}]*))\s*""")
_ESCAPED = re.compile(r'\\(["\\])')
LONGEST_PATTERN = 500
EXPECTED = 'a matcher such as severity="critical", service!="chat" or region=~"eu-.*"'

Labels = Mapping[str, str]


class BadMatcher(ValueError):
    """The text is no matcher; the message says what was found and what was expected."""


@dataclass(frozen=True, slots=True)
class Matcher:
    """One condition on one label; `str()` is how it is written."""

    name: str
    operator: str
    value: str

    def __str__(self) -> str:
        escaped = self.value.replace("\\", "\\\\").replace('"', '\\"')
        return f'{self.name}{self.operator}"{escaped}"'

    def fits(self, labels: Labels) -> bool:
        found = labels.get(self.name, "")
        match self.operator:
            case "=":
                return found == self.value
            case "!=":
                return found != self.value
            case "=~":
                return _pattern(self.value).fullmatch(found) is not None
            case _:
                return _pattern(self.value).fullmatch(found) is None


@cache
def _pattern(text: str) -> re.Pattern[str]:
    return re.compile(text)


def parse(text: str) -> Matcher:
    """'region=~"eu-.*"' → Matcher("region", "=~", "eu-.*"). Raises BadMatcher."""
    found = _WRITTEN.fullmatch(text)
    if found is None:
        raise BadMatcher(f"found {text!r}, expected {EXPECTED}")
    name, operator, quoted, bare = found.groups()
    value = _ESCAPED.sub(r"\1", quoted) if quoted is not None else bare or ""
    if operator in {"=~", "!~"}:
        if len(value) > LONGEST_PATTERN:
            raise BadMatcher(f"found a pattern of {len(value)} characters, expected at most {LONGEST_PATTERN}")
        try:
            _pattern(value)
        except re.error as error:
            raise BadMatcher(f"found the pattern {value!r} ({error}), expected a regular expression") from error
    return Matcher(name, operator, value)


def parse_lines(text: str) -> tuple[Matcher, ...]:
    """One matcher a line, as forms take them; empty lines do not count."""
    return tuple(parse(line) for line in text.splitlines() if line.strip())


def parse_all(texts: Iterable[str]) -> tuple[Matcher, ...]:
    return tuple(parse(text) for text in texts)


def all_fit(matchers: Sequence[Matcher], labels: Labels) -> bool:
    """Whether every matcher fits; no matcher fits everything."""
    return all(matcher.fits(labels) for matcher in matchers)


def said(matchers: Sequence[Matcher]) -> str:
    """'service="chat", region="eu"'; "every alert" where nothing is asked."""
    return ", ".join(str(matcher) for matcher in matchers) or "every alert"
