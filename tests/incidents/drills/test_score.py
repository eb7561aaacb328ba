"""How a drill is scored, and best and median over many."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from incidents.drills.score import (
    Attempt,
    Expected,
    Question,
    Score,
    Seen,
    Spread,
    Step,
    from_json,
    history,
    score,
    spread,
)
from tests.conftest import NOW

EXPECTED = Expected(leaf="stall", branches=frozenset({"slo"}), runbook="stall")
GOOD: dict[str, Any] = {"incidents": 1, "branch": "slo", "leaf": "stall", "runbook": "stall"}


def scored(**changed: Any) -> Score:
    return score(expected=EXPECTED, seen=Seen(started_at=NOW, **{**GOOD, **changed}))


@pytest.mark.parametrize(
    ("changed", "wrong"),
    [
        ({}, []),
        ({"incidents": 2}, [Question.ONE_INCIDENT]),
        ({"branch": "cost"}, [Question.BRANCH]),
        ({"branch": None}, [Question.BRANCH]),
        ({"leaf": "decode-slow", "rivals": ["unexplained", "stall"]}, [Question.LEAF]),
        ({"leaf": "decode-slow", "rivals": ["a", "b", "stall"]}, [Question.LEAF, Question.LEAF_IN_THREE]),
        ({"runbook": "unexplained"}, [Question.RUNBOOK]),
        ({"incidents": 0, "leaf": None, "branch": None, "runbook": None}, list(Question)),
    ],
)
def test_each_question_is_answered_by_itself(changed: dict[str, Any], wrong: list[Question]) -> None:
    found = scored(**changed)
    assert [question for question, right in found.answers.items() if not right] == wrong
    assert found.said == f"{6 - len(wrong)} of 6 right"


def test_steps_count_from_the_start_of_the_fault_and_what_did_not_happen_is_none() -> None:
    moments = {
        Step.DETECTED: NOW + timedelta(seconds=90),
        Step.PAGED: NOW - timedelta(seconds=3),
        Step.MITIGATED: None,
    }
    found = scored(at=moments)
    assert (found.seconds[Step.DETECTED], found.seconds[Step.PAGED]) == (90.0, 0.0)
    assert found.seconds[Step.MITIGATED] is None
    assert found.seconds[Step.OPENED] is None
    assert from_json(found.as_json()) == found


def test_best_and_median_are_of_what_happened() -> None:
    assert spread([60.0, None, 120.0, 90.0]) == Spread(60.0, 90.0, 3)
    assert spread([None]) == Spread(None, None, 0)


def test_history_is_by_person_and_fault() -> None:
    def attempt(person: str, fault: str, minutes: int, *, right: bool = True) -> Attempt:
        at = {Step.MITIGATED: NOW + timedelta(minutes=minutes)}
        return Attempt(person, fault, NOW + timedelta(days=minutes), scored(at=at, incidents=int(right)))

    found = history(
        [
            attempt("ana", "stall", 8),
            attempt("ana", "stall", 4),
            attempt("ben", "stall", 9),
            attempt("ana", "spike", 20, right=False),
        ]
    )
    assert [(one.person, one.fault, one.drills, one.right) for one in found] == [
        ("ana", "spike", 1, 0.0),
        ("ana", "stall", 2, 1.0),
        ("ben", "stall", 1, 1.0),
    ]
    assert found[1].spreads[Step.MITIGATED] == Spread(240.0, 360.0, 2)
    assert found[1].last_at == NOW + timedelta(days=8)
