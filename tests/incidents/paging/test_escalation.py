from __future__ import annotations

import json
from datetime import UTC, datetime, time, timedelta

import pytest

from incidents.oncall.schedule import Hours
from incidents.paging.escalation import (
    Action,
    EscalationReason,
    History,
    Policy,
    Step,
    Target,
    TargetKind,
    from_snapshot,
    in_turn,
    next_step,
    snapshot,
)

#: A Monday.
NOON = datetime(2026, 1, 5, 12, 0, tzinfo=UTC)
ANA, BEN = Target(TargetKind.USER, 1, "Ana"), Target(TargetKind.USER, 2, "Ben")
PRIMARY = Target(TargetKind.SCHEDULE, 7, "Primary")
FIRST, SECOND = Step((ANA,)), Step((BEN,))
POLICY = Policy(name="chat", steps=(FIRST, SECOND), repeats=1)
OFFICE = Hours((0, 1, 2, 3, 4), time(9), 480)


def at(minutes: float) -> datetime:
    return NOON + timedelta(minutes=minutes)


def following(taken: list[float], now: float, policy: Policy = POLICY, severity: int = 2, **given):
    history = History(taken_at=[at(minutes) for minutes in taken], **given)
    found = next_step(policy=policy, history=history, severity=severity, now=at(now))
    return found.action, found.reason, found.number, found.step, found.due_at


CASES = [
    ("the first is told at once", [], 0, (Action.NOTIFY, EscalationReason.FIRST, 1, FIRST, NOON)),
    ("three minutes in, Ben waits", [0], 3, (Action.WAIT, EscalationReason.UNANSWERED, 2, SECOND, at(5))),
    ("after five minutes, Ben", [0], 5, (Action.NOTIFY, EscalationReason.UNANSWERED, 2, SECOND, at(5))),
    ("then from the top", [0, 5], 10, (Action.NOTIFY, EscalationReason.AGAIN, 3, FIRST, at(10))),
    ("a late sweep counts from when Ben was told", [0, 7], 10, (Action.WAIT, EscalationReason.AGAIN, 3, FIRST, at(12))),
    ("twice through, it ends", [0, 5, 10, 15], 20, (Action.STOP, EscalationReason.EXHAUSTED, 5, None, None)),
]  # fmt: skip


@pytest.mark.parametrize(("taken", "now", "expected"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_the_next_step(taken: list[float], now: float, expected) -> None:
    assert following(taken, now) == expected


def test_an_answer_ends_it_and_so_does_the_end_of_the_incident() -> None:
    assert following([0], 9, answered=True)[:2] == (Action.STOP, EscalationReason.ANSWERED)
    assert following([0], 9, answered=True, resolved=True)[:2] == (Action.STOP, EscalationReason.RESOLVED)


def test_who_cannot_be_reached_is_not_waited_for() -> None:
    assert following([0], 0.5, last_in_vain=True) == (Action.NOTIFY, EscalationReason.UNREACHABLE, 2, SECOND, at(0.5))


def test_a_policy_without_steps_says_that_nobody_is_on_call() -> None:
    assert following([], 0, Policy(name="", steps=()))[:2] == (Action.STOP, EscalationReason.NOBODY)


def test_at_the_end_the_fallback_hears_it_and_it_too_is_waited_for() -> None:
    policy = POLICY.with_fallback((PRIMARY,))
    action, reason, number, step, due_at = following([0, 5, 10, 15], 16, policy)
    assert (action, reason, number, step.targets, due_at) == (
        Action.WAIT, EscalationReason.FALLBACK, 5, (PRIMARY,), at(20),
    )  # fmt: skip
    assert following([0, 5, 10, 15], 20, policy)[0] is Action.NOTIFY
    assert following([0, 5, 10, 15, 20], 20, policy)[:2] == (Action.STOP, EscalationReason.EXHAUSTED)


def test_without_anybody_the_fallback_hears_it_at_once() -> None:
    policy = Policy(name="", steps=(), fallback=(PRIMARY,))
    assert following([], 0, policy)[:2] == (Action.NOTIFY, EscalationReason.NOBODY)
    assert following([0], 0, policy)[:2] == (Action.STOP, EscalationReason.NOBODY)


def test_a_step_for_worse_incidents_is_skipped() -> None:
    policy = Policy(name="", steps=(Step((ANA,), mildest_severity=1), SECOND))
    assert following([], 0, policy, severity=2)[:2] == (Action.SKIP, EscalationReason.TOO_MILD)
    assert following([], 0, policy, severity=1)[:2] == (Action.NOTIFY, EscalationReason.FIRST)


@pytest.mark.parametrize(
    ("zone", "action"), [("UTC", Action.NOTIFY), ("Asia/Tokyo", Action.SKIP), ("America/Chicago", Action.SKIP)]
)
def test_a_step_keeps_its_hours_in_its_own_zone(zone: str, action: Action) -> None:
    policy = Policy(name="", steps=(Step((ANA,), hours=(OFFICE,), zone=zone),))
    assert following([], 0, policy)[0] is action


def test_each_step_waits_as_long_as_it_says() -> None:
    policy = Policy(name="", steps=(Step((ANA,), after_seconds=60), Step((BEN,), after_seconds=900)), repeats=1)
    assert following([0], 1, policy)[0] is Action.NOTIFY
    assert following([0, 1], 15.9, policy)[::4] == (Action.WAIT, at(16))


def test_round_robin_goes_round() -> None:
    assert [in_turn(["a", "b", "c"], turn) for turn in range(4)] == [["a"], ["b"], ["c"], ["a"]]
    assert in_turn([], 3) == []


def test_a_snapshot_gives_the_policy_back_through_json() -> None:
    policy = Policy(
        name="chat", slug="chat", steps=(Step((ANA, PRIMARY), 60, True, 2, (OFFICE,), "Europe/Paris", 9), SECOND),
        repeats=1, acknowledgements=2, sev1_answer_seconds=600, fallback=(BEN,),
    )  # fmt: skip
    assert from_snapshot(json.loads(json.dumps(snapshot(policy)))) == policy
    assert from_snapshot({}).steps == ()


def test_a_snapshot_of_an_older_version_still_counts() -> None:
    kept = {"name": "chat", "people": [{"user_id": 1, "name": "Ana"}], "after_seconds": 60, "repeats": 1}
    assert from_snapshot(kept) == Policy(name="chat", steps=(Step((ANA,), 60),), repeats=1)


def test_how_long_an_answer_holds() -> None:
    assert (POLICY.answer_seconds(1), POLICY.answer_seconds(2)) == (1800, None)
