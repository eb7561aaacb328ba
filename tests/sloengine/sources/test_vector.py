"""An answer read as bytes says what the same answer read as JSON says, or nothing."""

from __future__ import annotations

import math

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sloengine.sources.prometheus import series_of
from sloengine.sources.vector import Vectors

LABELS = st.dictionaries(
    st.sampled_from(["a", "b", "c"]), st.text(max_size=12) | st.sampled_from(['"},"value":[1,"2"]},{"metric":{'])
)


def body(rows, **more):
    result = [{"metric": {"__name__": "x", **labels}, "value": [1.5, value]} for labels, value in rows]
    return orjson.dumps({"status": "success", "data": {"resultType": "vector", "result": result}, **more})


@settings(deadline=None, max_examples=80)
@given(st.lists(st.tuples(LABELS, st.floats(allow_nan=False).map(repr)), min_size=1, max_size=5))
def test_bytes_and_json_say_the_same(rows):
    vectors = Vectors(series_of)
    for _ in range(2):
        read = vectors.read(body(rows))
        assert read is not None
        found, values = read
        assert found == [series_of({"__name__": "x", **labels}) for labels, _ in rows]
        assert values == [float(value) for _, value in rows]


@pytest.mark.parametrize(
    "odd",
    [
        b"", b"<html>", body([]), body([({}, "1")], warnings=["partial"]), body([({}, "no number")]), body([({"le": "x"}, "1")]),
        orjson.dumps({"status": "success", "data": {"resultType": "scalar", "result": [1, "2"]}}),
        body([({}, "1")]).replace(b'"value"', b'"histogram"'), body([({}, "1")], infos=["x"]),
    ],
)  # fmt: skip
def test_what_is_not_as_expected_is_left_to_json(odd):
    assert Vectors(series_of).read(odd) is None


def test_numbers_that_are_none_are_told():
    read = Vectors(series_of).read(body([({}, "NaN")]))
    assert read is not None
    assert math.isnan(read[1][0])
