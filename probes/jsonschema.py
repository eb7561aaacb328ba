"""The part of JSON Schema that tool calls use, with the standard library only. Pure.

    check(schema)            refuses what it does not know, so that no keyword is silently passed over
    problem(schema, value)   the first place where a value differs: "$.items[0].count: found '2', expected integer"

https://json-schema.org/draft/2020-12/json-schema-validation: type, enum, const, properties, required, additionalProperties (true,
false or a schema), items, minItems, maxItems, minLength, maxLength, pattern, minimum, maximum, anyOf. Notes: title, description,
default, $schema.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from probes.shape import Node

_NOTES = ("title", "description", "default", "$schema", "format", "examples")
_NUMBERS = ("minItems", "maxItems", "minLength", "maxLength", "minimum", "maximum")
_KNOWN = (
    "type",
    "enum",
    "const",
    "properties",
    "required",
    "additionalProperties",
    "items",
    "pattern",
    "anyOf",
    *_NUMBERS,
)
TYPES = ("object", "array", "string", "integer", "number", "boolean", "null")


def check(node: Node) -> None:
    """Raises ShapeError with the path inside the schema."""
    node.only(*_KNOWN, *_NOTES)
    if (kinds := node["type"]).given:
        for one in kinds.each() if isinstance(kinds.value, list) else [kinds]:
            one.one_of(TYPES)
    for name in _NUMBERS:
        if node[name].given:
            node[name].number(low=-1e15, high=1e15)
    for name in ("enum", "required", "anyOf"):
        if node[name].given:
            node[name].each()
    if node["pattern"].given:
        try:
            re.compile(node["pattern"].text())
        except re.error as problem:
            node["pattern"].wrong(f"a regular expression ({problem})")
    for _, one in node["properties"].items() if node["properties"].given else ():
        check(one)
    for one in node["anyOf"].each() if node["anyOf"].given else ():
        check(one)
    for name in ("items", "additionalProperties"):
        if node[name].given and not (name == "additionalProperties" and isinstance(node[name].value, bool)):
            check(node[name])


def problem(schema: object, value: object) -> str | None:
    """None where the value fits."""
    return next(_problems(schema, value, "$"), None)


def _problems(schema: object, value: object, path: str) -> Iterator[str]:
    if not isinstance(schema, dict):
        return
    wanted = schema.get("type")
    if wanted is not None and not any(_is(value, kind) for kind in (wanted if isinstance(wanted, list) else [wanted])):
        yield _differs(path, value, wanted if isinstance(wanted, str) else " or ".join(wanted))
        return
    if "enum" in schema and not any(_same(value, one) for one in schema["enum"]):
        yield _differs(path, value, f"one of {schema['enum']!r}")
    if "const" in schema and not _same(value, schema["const"]):
        yield _differs(path, value, repr(schema["const"]))
    if "anyOf" in schema and all(problem(one, value) is not None for one in schema["anyOf"]):
        yield _differs(path, value, "a value that fits one of anyOf")
    if isinstance(value, dict):
        yield from _object(schema, value, path)
    elif isinstance(value, list):
        yield from _sized(schema, value, path, "Items")
        for at, one in enumerate(value):
            yield from _problems(schema.get("items"), one, f"{path}[{at}]")
    elif isinstance(value, str):
        yield from _sized(schema, value, path, "Length")
        if "pattern" in schema and re.search(schema["pattern"], value) is None:
            yield _differs(path, value, f"a text like {schema['pattern']}")
    elif isinstance(value, int | float) and not isinstance(value, bool):
        if value < schema.get("minimum", value):
            yield _differs(path, value, f"{schema['minimum']} or more")
        if value > schema.get("maximum", value):
            yield _differs(path, value, f"{schema['maximum']} or less")


def _object(schema: dict[str, object], value: dict[str, object], path: str) -> Iterator[str]:
    known, required, more = schema.get("properties"), schema.get("required"), schema.get("additionalProperties", True)
    properties = known if isinstance(known, dict) else {}
    for name in required if isinstance(required, list) else ():
        if name not in value:
            yield f"{path}: found no {name!r}, which is required"
    for name, one in value.items():
        if name in properties:
            yield from _problems(properties[name], one, f"{path}.{name}")
        elif more is False:
            yield f"{path}: found {name!r}, expected only {', '.join(properties) or 'nothing'}"
        else:
            yield from _problems(more, one, f"{path}.{name}")


def _sized(schema: dict[str, object], value: list[object] | str, path: str, what: str) -> Iterator[str]:
    low, high = schema.get(f"min{what}"), schema.get(f"max{what}")
    if isinstance(low, int | float) and len(value) < low:
        yield _differs(path, value, f"min{what} {low}")
    if isinstance(high, int | float) and len(value) > high:
        yield _differs(path, value, f"max{what} {high}")


def _is(value: object, kind: object) -> bool:
    """1.0 is an integer to JSON Schema; true is no number."""
    if kind == "integer":
        return not isinstance(value, bool) and (
            isinstance(value, int) or (isinstance(value, float) and value.is_integer())
        )
    if kind == "number":
        return isinstance(value, int | float) and not isinstance(value, bool)
    kinds = {"object": dict, "array": list, "string": str, "boolean": bool}
    return value is None if kind == "null" else isinstance(value, kinds[str(kind)])


def _same(one: object, other: object) -> bool:
    """true is not 1."""
    return one == other and isinstance(one, bool) is isinstance(other, bool)


def _differs(path: str, value: object, expected: object) -> str:
    return f"{path}: found {value!r:.60}, expected {expected}"
