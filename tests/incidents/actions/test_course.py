"""What follows an executor's answer: repeated only where that cannot do it twice, given up in the end, never called what it is not."""

from __future__ import annotations

from datetime import timedelta

import pytest

from incidents.actions.course import LONGEST, Progress, Reason, Result, State, after, found_in_flight
from tests.conftest import NOW


def follows(progress: Progress, *, attempt: int = 1, repeatable: bool = True, age: timedelta = timedelta(0), **more):
    return after(
        result=Result(progress=progress), attempt=attempt, began_at=NOW - age, now=NOW, repeatable=repeatable, **more
    )


@pytest.mark.parametrize(
    ("progress", "given", "state"),
    [
        (Progress.DONE, {}, State.DONE),
        (Progress.FAILED, {}, State.FAILED),
        (Progress.RUNNING, {}, State.RUNNING),
        (Progress.RUNNING, {"age": LONGEST * 2}, State.FAILED),
        (Progress.AGAIN, {}, State.RUNNING),
        (Progress.AGAIN, {"repeatable": False}, State.RUNNING),
        (Progress.AGAIN, {"attempt": 4}, State.FAILED),
        (Progress.LOST, {}, State.RUNNING),
        (Progress.LOST, {"repeatable": False}, State.UNKNOWN),
        (Progress.LOST, {"attempt": 4}, State.UNKNOWN),
        (Progress.LOST, {"attempt": 9, "taken": True}, State.RUNNING),
        (Progress.AGAIN, {"attempt": 9, "taken": True, "age": LONGEST * 2}, State.UNKNOWN),
        (Progress.UNKNOWN, {}, State.UNKNOWN),
    ],
)
def test_each_answer_has_one_next_state(progress: Progress, given: dict, state: State) -> None:
    next_ = follows(progress, **given)
    assert next_.state is state
    assert (next_.due_at is not None) == (state is State.RUNNING)


def test_tries_come_after_5_then_15_then_30_seconds() -> None:
    waits = [follows(Progress.AGAIN, attempt=attempt).due_at for attempt in (1, 2, 3)]
    assert [(due - NOW).total_seconds() for due in waits if due] == [5, 15, 30]


def test_a_run_without_its_worker_is_repeated_only_where_a_key_is_carried_out_once() -> None:
    assert found_in_flight(repeatable=True, now=NOW).state is State.RUNNING
    lost = found_in_flight(repeatable=False, now=NOW)
    assert (lost.state, lost.reason) == (State.UNKNOWN, Reason.CRASHED)
