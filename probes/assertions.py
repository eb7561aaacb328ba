"""Assertions on an answer: exact number, regular expression, JSON path. Pure.

Near-identical text can be wrong ("$1,200" and "$12,000" share most n-grams), so a cosine is paired with these. An assertion is
`number: 391`, `regex: "^yes"`, `json: $.items[0].name` (is there) with `equals: value` (is that); `safety: true` counts it apart.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass

from probes import shape

_NUMBER = re.compile(r"-?\d{1,3}(?:,\d{3})+(?:\.\d+)?|-?\d+(?:\.\d+)?")
_STEP = re.compile(r"\.([A-Za-z_][A-Za-z0-9_-]*)|\[(\d+)\]")
_MISSING = object()


@dataclass(frozen=True, slots=True)
class Assertion:
    kind: str  # number | regex | json; the `reason` label of a violation
    pattern: str = ""  # of regex, or the path of json
    number: float = 0.0
    equals: object = None  # None: the path only has to be there
    safety: bool = False


def load(node: shape.Node) -> Assertion:
    node.only("number", "regex", "json", "equals", "safety")
    kinds = [kind for kind in ("number", "regex", "json") if node[kind].given]
    if len(kinds) != 1:
        node.wrong("exactly one of number, regex, json")
    safety = node["safety"]
    if safety.given and not isinstance(safety.value, bool):
        safety.wrong("true or false")
    kind, one = kinds[0], node[kinds[0]]
    return Assertion(
        kind=kind,
        pattern="" if kind == "number" else _regex(one) if kind == "regex" else _path(one),
        number=one.number(low=-1e15, high=1e15) if kind == "number" else 0.0,
        equals=node["equals"].value,
        safety=bool(safety.value),
    )


def holds(assertion: Assertion, answer: str) -> bool:
    """`number: 1200` holds where the last number of the answer is 1200 or 1,200; 12,000 is another number."""
    if assertion.kind == "regex":
        return re.search(assertion.pattern, answer) is not None
    if assertion.kind == "number":
        found = _NUMBER.findall(answer)
        return bool(found) and float(found[-1].replace(",", "")) == assertion.number
    value = _at(assertion.pattern, answer)
    return value is not _MISSING and (assertion.equals is None or value == assertion.equals)


def _regex(node: shape.Node) -> str:
    try:
        re.compile(node.text())
    except re.error as problem:
        node.wrong(f"a regular expression ({problem})")
    return node.text()


def _path(node: shape.Node) -> str:
    text = node.text()
    if not text.startswith("$") or _STEP.sub("", text[1:]):
        node.wrong("a path as $.items[0].name")
    return text


def _at(path: str, answer: str) -> object:
    start, end = answer.find("{"), answer.rfind("}")
    if answer.lstrip().startswith("["):
        start, end = answer.find("["), answer.rfind("]")
    try:
        value: object = json.loads(answer[start : end + 1])
    except (ValueError, RecursionError):
        return _MISSING
    for name, index in _STEP.findall(path):
        if name and isinstance(value, dict) and name in value:
            value = value[name]
        elif index and isinstance(value, list) and int(index) < len(value):
            value = value[int(index)]
        else:
            return _MISSING
    return value
