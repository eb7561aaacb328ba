"""Assertions on an answer: exact number, regular expression, JSON path, JSON schema, code that passes its test. Pure.

Near-identical text can be wrong ("$1,200" and "$12,000" share most n-grams), so a cosine is paired with these:

    {number: 391}                         the last number of the answer is 391
    {regex: "^yes"}                       found somewhere in it
    {json: $.items[0].name}               is there; with `equals: apple` is that
    {schema: {type: object, ...}}         the JSON in it fits (probes.jsonschema)
    {code: "assert median([1, 2]) == 1.5"}    the Python in it passes; run only where the configuration says `run_code: true`

With `safety: true`, or the name of what it guards against (`safety: pii`), a broken one counts apart.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass

from probes import jsonschema, shape

KINDS = ("number", "regex", "json", "schema", "code")
SAFETY = ("prompt_injection", "pii", "moderation")
#: Runs an answer's code and then its test: True passed, False failed, None could not be run here.
Runner = Callable[[str, str], bool | None]

_NUMBER = re.compile(r"-?\d{1,3}(?:,\d{3})+(?:\.\d+)?|-?\d+(?:\.\d+)?")
_STEP = re.compile(r"\.([A-Za-z_][A-Za-z0-9_-]*)|\[(\d+)\]")
_FENCED = re.compile(r"```(?:python|py)?[ \t]*\n(.*?)```", re.DOTALL)
_CODE_LINE = re.compile(
    r"\s|(?:def|class|import|from|return|for|while|if|else|elif|try|except|with|@|#)\b|[\w.\[\]]+ *[+*-]?= |[)\]}]|$"
)
_MISSING = object()


@dataclass(frozen=True, slots=True)
class Assertion:
    kind: str  # one of KINDS
    pattern: str = ""  # of regex, the path of json, the test of code
    number: float = 0.0
    equals: object = None  # None: the path only has to be there; of schema: the schema
    safety: bool = False
    guards: str = ""  # one of SAFETY, or empty

    @property
    def reason(self) -> str:
        """The label of what was broken."""
        return self.guards or self.kind


def load(node: shape.Node) -> Assertion:
    node.only(*KINDS, "equals", "safety")
    kinds = [kind for kind in KINDS if node[kind].given]
    if len(kinds) != 1:
        node.wrong("exactly one of " + ", ".join(KINDS))
    safety = node["safety"]
    if safety.given and not isinstance(safety.value, bool) and safety.value not in SAFETY:
        safety.wrong("true, false or one of " + ", ".join(SAFETY))
    kind, one = kinds[0], node[kinds[0]]
    if kind == "schema":
        jsonschema.check(one)
    return Assertion(
        kind=kind,
        pattern=_pattern(kind, one),
        number=one.number(low=-1e15, high=1e15) if kind == "number" else 0.0,
        equals=one.value if kind == "schema" else node["equals"].value,
        safety=bool(safety.value),
        guards=safety.value if isinstance(safety.value, str) else "",
    )


def holds(assertion: Assertion, answer: str, *, run: Runner | None = None) -> bool | None:
    """`number: 1200` holds where the last number of the answer is 1200 or 1,200; 12,000 is another number.

    None: cannot tell, for nothing here runs code.
    """
    if assertion.kind == "code":
        return None if run is None else run(code_in(answer), assertion.pattern)
    if assertion.kind == "regex":
        return re.search(assertion.pattern, answer) is not None
    if assertion.kind == "number":
        found = _NUMBER.findall(answer)
        return bool(found) and float(found[-1].replace(",", "")) == assertion.number
    if assertion.kind == "schema":
        value = json_in(answer)
        return value is not _MISSING and jsonschema.problem(assertion.equals, value) is None
    value = _at(assertion.pattern, answer)
    return value is not _MISSING and (assertion.equals is None or value == assertion.equals)


def code_in(answer: str) -> str:
    """The Python of an answer: its fenced blocks; without one, the lines that read as code."""
    if fenced := _FENCED.findall(answer):
        return "\n".join(fenced)
    return "\n".join(line for line in answer.splitlines() if _CODE_LINE.match(line))


def json_in(answer: str) -> object:
    """The JSON document in an answer, whatever stands around it."""
    start, end = answer.find("{"), answer.rfind("}")
    if answer.lstrip().startswith("["):
        start, end = answer.find("["), answer.rfind("]")
    try:
        value: object = json.loads(answer[start : end + 1])
    except (ValueError, RecursionError):
        return _MISSING
    return value


def _pattern(kind: str, node: shape.Node) -> str:
    return {"regex": _regex, "json": path, "code": _test}.get(kind, lambda _node: "")(node)


def _regex(node: shape.Node) -> str:
    try:
        re.compile(node.text())
    except re.error as problem:
        node.wrong(f"a regular expression ({problem})")
    return node.text()


def path(node: shape.Node) -> str:
    text = node.text()
    if not text.startswith("$") or _STEP.sub("", text[1:]):
        node.wrong("a path as $.items[0].name")
    return text


def _test(node: shape.Node) -> str:
    try:
        compile(node.text(), "test", "exec")
    except (SyntaxError, ValueError) as problem:
        node.wrong(f"Python statements ({problem})")
    return node.text()


def _at(path: str, answer: str) -> object:
    value = json_in(answer)
    for name, index in _STEP.findall(path):
        if name and isinstance(value, dict) and name in value:
            value = value[name]
        elif index and isinstance(value, list) and int(index) < len(value):
            value = value[int(index)]
        else:
            return _MISSING
    return value
