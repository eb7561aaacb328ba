from __future__ import annotations

import pytest

from probes import assertions, jsonschema, shape
from probes.shape import Node, ShapeError

ORDER = {
    "type": "object",
    "properties": {
        "item": {"type": "string", "pattern": "^[a-z]+$", "maxLength": 10},
        "count": {"type": "integer", "minimum": 1, "maximum": 9},
        "tags": {"type": "array", "items": {"enum": ["red", "green"]}, "maxItems": 2},
        "note": {"anyOf": [{"type": "null"}, {"type": "string", "minLength": 1}]},
        "unit": {"const": "kg"},
    },
    "required": ["item", "count"],
    "additionalProperties": False,
}
GOOD = {"item": "apple", "count": 2}


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        (GOOD, None),
        ({**GOOD, "count": 2.0, "tags": ["red"], "note": None, "unit": "kg"}, None),
        ({**GOOD, "count": "2"}, "$.count: found '2', expected integer"),
        ({**GOOD, "count": True}, "$.count: found True, expected integer"),
        ({**GOOD, "count": 0}, "$.count: found 0, expected 1 or more"),
        ({**GOOD, "count": 10}, "$.count: found 10, expected 9 or less"),
        ({"item": "apple"}, "$: found no 'count', which is required"),
        ({**GOOD, "size": 1}, "$: found 'size', expected only item, count, tags, note, unit"),
        ({**GOOD, "item": "Apple"}, "$.item: found 'Apple', expected a text like ^[a-z]+$"),
        ({**GOOD, "item": "applesandpears"}, "$.item: found 'applesandpears', expected maxLength 10"),
        ({**GOOD, "tags": ["blue"]}, "$.tags[0]: found 'blue', expected one of ['red', 'green']"),
        ({**GOOD, "tags": ["red"] * 3}, "$.tags: found ['red', 'red', 'red'], expected maxItems 2"),
        ({**GOOD, "note": ""}, "$.note: found '', expected a value that fits one of anyOf"),
        ({**GOOD, "unit": "g"}, "$.unit: found 'g', expected 'kg'"),
        ([GOOD], "$: found [{'item': 'apple', 'count': 2}], expected object"),
    ],
)
def test_the_first_difference_is_told_with_its_place(value, problem):
    assert jsonschema.problem(ORDER, value) == problem


@pytest.mark.parametrize(
    ("schema", "path", "expected"),
    [
        ({"type": "text"}, "s.type", "one of object"),
        ({"properties": {"a": {"$ref": "#/x"}}}, "s.properties.a", "only type"),
        ({"items": 3}, "s.items", "a mapping"),
        ({"pattern": "("}, "s.pattern", "a regular expression"),
        ({"minLength": "1"}, "s.minLength", "a number"),
        ({"required": "item"}, "s.required", "a list"),
        ({"anyOf": [{"type": 3}]}, "s.anyOf[0].type", "one of object"),
    ],
)
def test_a_schema_that_would_not_be_checked_whole_is_refused(schema, path, expected):
    with pytest.raises(ShapeError) as problem:
        jsonschema.check(Node("f", "s", schema))
    assert problem.value.path == path
    assert expected in problem.value.expected


def test_the_json_of_a_tool_call_is_held_against_its_schema():
    one = assertions.load(shape.Node("f", "a", {"schema": ORDER}))
    assert assertions.holds(one, 'Sure: {"item": "apple", "count": 2}') is True
    assert assertions.holds(one, '{"item": "apple", "count": "two"}') is False
    assert assertions.holds(one, '{"item": "apple"') is False
