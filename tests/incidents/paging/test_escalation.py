from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from incidents.paging.escalation import (
    Action,
    EscalationReason,
    History,
    Person,
    Policy,
    Step,
    from_snapshot,
    next_step,
    snapshot,
)

NOON = datetime(2026, 1, 5, 12, 0, tzinfo=UTC)
ANA, BEN = Person(1, "Ana"), Person(2, "Ben")
POLICY = Policy(name="chat", people=(ANA, BEN), after_seconds=300, repeats=1)


def at(minutes: float) -> datetime:
    return NOON + timedelta(minutes=minutes)


CASES = [
    ("the first is told at once", [], 0, Step(Action.NOTIFY, EscalationReason.FIRST, 1, ANA, NOON)),
    ("three minutes in, Ben waits", [0], 3, Step(Action.WAIT, EscalationReason.UNANSWERED, 2, BEN, at(5))),
    ("after five minutes, Ben", [0], 5, Step(Action.NOTIFY, EscalationReason.UNANSWERED, 2, BEN, at(5))),
    ("then from the top", [0, 5], 10, Step(Action.NOTIFY, EscalationReason.AGAIN, 3, ANA, at(10))),
    ("a late sweep counts from when Ben was told", [0, 7], 10, Step(Action.WAIT, EscalationReason.AGAIN, 3, ANA, at(12))),
    ("twice through, it ends", [0, 5, 10, 15], 20, Step(Action.STOP, EscalationReason.EXHAUSTED, 5)),
]  # fmt: skip


@pytest.mark.parametrize(("told", "now", "expected"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_the_next_step(told: list[float], now: float, expected: Step) -> None:
    history = History(told_at=[at(minutes) for minutes in told])
    assert next_step(policy=POLICY, history=history, now=at(now)) == expected


def test_an_answer_ends_it_and_so_does_the_end_of_the_incident() -> None:
    answered = next_step(policy=POLICY, history=History([NOON], answered=True), now=at(9))
    resolved = next_step(policy=POLICY, history=History([NOON], answered=True, resolved=True), now=at(9))
    assert (answered.action, answered.reason) == (Action.STOP, EscalationReason.ANSWERED)
    assert (resolved.action, resolved.reason) == (Action.STOP, EscalationReason.RESOLVED)


def test_who_cannot_be_reached_is_not_waited_for() -> None:
    step = next_step(policy=POLICY, history=History([NOON], last_undeliverable=True), now=at(0.5))
    assert step == Step(Action.NOTIFY, EscalationReason.UNREACHABLE, 2, BEN, at(0.5))


def test_a_policy_without_people_says_that_nobody_is_on_call() -> None:
    empty = Policy(name="", people=(), after_seconds=300, repeats=2)
    assert next_step(policy=empty, history=History([]), now=NOON).reason is EscalationReason.NOBODY


def test_a_snapshot_gives_the_policy_back() -> None:
    assert from_snapshot(snapshot(POLICY)) == POLICY
    assert from_snapshot({}).people == ()
