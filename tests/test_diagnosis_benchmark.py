"""The diagnosis benchmark's own arithmetic: draws that cover what may vary, scores that count what happened."""

from __future__ import annotations

from collections import Counter

import pytest

from probes.simfleet.config import default_config
from probes.simfleet.faults import FAULTS
from tests.benchmarks.diagnosis_draws import HOURS, TRAFFIC, USUAL, draws
from tests.benchmarks.diagnosis_score import half, score, table

CONFIG = default_config()


def test_the_usual_selection_is_of_24_faults() -> None:
    assert len(USUAL) == len(set(USUAL)) == 24
    assert set(USUAL) <= set(FAULTS)
    assert {FAULTS[name].branch for name in USUAL} == {"slo", "quality", "cost"}


@pytest.mark.parametrize("name", FAULTS)
@pytest.mark.parametrize("count", [4, 20])
def test_draws_of_a_fault_cover_every_dimension_and_stay_the_same(name: str, count: int) -> None:
    drawn = draws(name, count=count, config=CONFIG)
    assert drawn == draws(name, count=count, config=CONFIG)
    assert {one.onset for one in drawn} == set(FAULTS[name].onsets)
    hours, traffic = Counter(one.hour for one in drawn), Counter(one.traffic for one in drawn)
    assert set(hours) == set(HOURS)
    assert set(traffic) == set(TRAFFIC)
    assert max(traffic.values()) - min(traffic.values()) <= 1
    assert len({one.seed for one in drawn}) == count
    for one in drawn:
        FAULTS[name].where(one.target)


def row(**changes) -> dict[str, object]:
    return {
        "fault": "stall", "number": 0, "expected_leaf": "stall", "expected_branch": "slo", "detected_seconds": 60.0,
        "branch": "slo", "leaf": "stall", "ranked": ["stall"], "runbook": "stall", "incidents": 1, "cleared": True, "false_pages": 0,
        "burn_seconds": 120.0, "rules_seconds": None, **changes,
    }  # fmt: skip


def test_a_score_counts_what_happened_and_medians_only_where_it_did() -> None:
    wrong = row(number=1, leaf="decode-slow", ranked=["decode-slow", "stall"], runbook="decode-slow", incidents=2)
    missed = row(
        number=2, detected_seconds=None, branch=None, leaf=None, ranked=[], runbook=None, incidents=0, cleared=False
    )
    one = score([row(), wrong, missed, row(detected_seconds=100.0, burn_seconds=None)])
    assert (one.detected, one.seconds) == (0.75, 60.0)
    assert (one.branch, one.leaf, one.top3, one.runbook) == (0.75, 0.5, 0.75, 0.5)
    assert (one.one_incident, one.incidents, one.cleared) == (0.5, 1.0, 0.75)
    assert (one.burn_detected, one.burn_seconds) == (0.75, 120.0)
    assert (one.rules_detected, one.rules_seconds) == (0.0, None)


def test_the_table_has_a_line_a_fault_both_halves_and_all() -> None:
    rows = [row(), row(number=1), row(fault="kpi-falls")]
    assert [half(one) for one in rows] == ["looked at", "never looked at", "looked at"]
    lines = table(rows).splitlines()
    assert [line.split(" | ")[0] for line in lines[2:]] == [
        "| stall",
        "| kpi-falls",
        "| **looked at**",
        "| **never looked at**",
        "| **all**",
    ]
    assert {line.count("|") for line in lines} == {14}
