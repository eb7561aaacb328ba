from __future__ import annotations

from sloengine.detection.queries import _apart, _key, _of
from sloengine.detection.watched import BY_NAME, SIGNALS
from sloengine.objectives.selection import Place


def place(column: int, name: str) -> Place:
    return Place(column, 1, 1, "answer_similarity_samples_total", "value", "", "", {"slice": name})


def test_answers_are_judged_slice_by_slice_each_under_a_key_that_is_kept() -> None:
    signal = SIGNALS[BY_NAME["slice_similarity"]]
    names = ["short", "a slice whose name is longer than any key that is kept"]
    places = [place(at, name) for at, name in enumerate(names)]
    apart = _apart(signal, places)
    assert [name for _, name in apart] == sorted(names)
    assert apart[1][0].title == "similarity of answers (short)"
    assert [one.column for one in _of(places, signal, "short")] == [0]
    keys = {_key(signal, name) for name in names}
    assert len(keys) == 2
    assert max(map(len, keys)) <= 24


def test_what_is_judged_whole_stays_whole() -> None:
    signal = SIGNALS[BY_NAME["errors"]]
    assert _apart(signal, [place(0, "short")]) == [(signal, "")]
    assert _key(signal, "") == "errors"
