from __future__ import annotations

from typing import Any

import pytest

from incidents.diagnosis import measures


def close(name: str, value: float) -> Any:
    return name, pytest.approx(value)


def test_growth_shares_divide_what_was_gained_not_what_is() -> None:
    now, before = {"queue": 0.41, "prefill": 0.12}, {"queue": 0.01, "prefill": 0.08}
    assert measures.growth_share(stage="queue", now=now, before=before) == pytest.approx(0.40 / 0.44)
    assert measures.growth_share(stage="prefill", now=now, before=before) == pytest.approx(0.04 / 0.44)


def test_a_stage_that_fell_counts_nothing() -> None:
    assert (
        measures.growth_share(stage="queue", now={"queue": 0.5, "prefill": 0.05}, before={"queue": 0.0, "prefill": 0.1})
        == 1.0
    )


def test_nothing_grown_is_not_divided() -> None:
    assert (
        measures.growth_share(
            stage="queue", now={"queue": 0.002, "prefill": 0.081}, before={"queue": 0.001, "prefill": 0.08}
        )
        is None
    )
    assert measures.growth_share(stage="queue", now={}, before={"queue": 0.1}) is None


def test_skew_is_the_worst_against_the_median_of_the_others() -> None:
    assert measures.skew({"a": 0.4, "b": 0.1, "c": 0.1, "d": 0.12}) == close("a", 4.0)
    assert measures.skew({"a": 0.002, "b": 0.0001}) == ("a", 1.0)  # healthy: too short to matter
    assert measures.skew({"a": 0.4}) is None


def test_top_growth_names_who_gained_most() -> None:
    found = measures.top_growth(now={"a": 80, "b": 12, "c": 9}, before={"a": 10, "b": 10, "c": 10})
    assert found == close("a", 70 / 72)
    assert measures.top_growth(now={"new": 50}, before={"a": 10}) == ("new", 1.0)
    assert measures.top_growth(now={"a": 10.1}, before={"a": 10}) is None


@pytest.mark.parametrize(
    ("now", "before", "expected"), [(97, 42, 97 / 42), (1, 0, None), (None, 4, None), (4, None, None)]
)
def test_a_factor_needs_a_baseline(now: float | None, before: float | None, expected: float | None) -> None:
    assert measures.factor(now, before) == expected
