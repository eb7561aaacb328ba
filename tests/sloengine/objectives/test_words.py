"""The words of a promise."""

from __future__ import annotations

import pytest

from sloengine.objectives.objective import MEASURES, budget_name


@pytest.mark.parametrize(
    ("indicator", "said"),
    [("ttft", "first-token"), ("inter_token", "next-token"), ("queue", "queue-delay"), ("of_ours", "of-ours")],
)
def test_a_budget_has_a_human_name(indicator: str, said: str) -> None:
    assert budget_name(indicator) == said


def test_every_indicator_has_one() -> None:
    assert all(measure.budget and "_" not in measure.budget for measure in MEASURES.values())
