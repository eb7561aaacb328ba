from __future__ import annotations

import pytest

from incidents.response.lifecycle import Move, MoveReason, State, decide, moves

ALLOWED = [
    ("an open incident is acknowledged", State.OPEN, Move.ACKNOWLEDGE, State.ACKNOWLEDGED),
    ("mitigation may come before an acknowledgement", State.OPEN, Move.MITIGATE, State.MITIGATED),
    ("an acknowledged incident is mitigated", State.ACKNOWLEDGED, Move.MITIGATE, State.MITIGATED),
    ("an open incident may be resolved at once", State.OPEN, Move.RESOLVE, State.RESOLVED),
    ("an acknowledged incident is resolved", State.ACKNOWLEDGED, Move.RESOLVE, State.RESOLVED),
    ("a mitigated incident is resolved", State.MITIGATED, Move.RESOLVE, State.RESOLVED),
    ("a mitigated incident that was not is open again", State.MITIGATED, Move.REOPEN, State.OPEN),
    ("a resolved incident that was not is open again", State.RESOLVED, Move.REOPEN, State.OPEN),
]


@pytest.mark.parametrize(("state", "move", "after"), [case[1:] for case in ALLOWED], ids=[case[0] for case in ALLOWED])
def test_allowed_moves(state: State, move: Move, after: State) -> None:
    decision = decide(state, move)
    assert (decision.state, decision.changes, decision.allowed, decision.reason) == (after, True, True, MoveReason.DONE)


@pytest.mark.parametrize(
    ("state", "move"),
    [
        (State.ACKNOWLEDGED, Move.ACKNOWLEDGE),
        (State.MITIGATED, Move.ACKNOWLEDGE),
        (State.MITIGATED, Move.MITIGATE),
        (State.RESOLVED, Move.RESOLVE),
    ],
)
def test_what_has_happened_already_changes_nothing_and_is_no_error(state: State, move: Move) -> None:
    decision = decide(state, move)
    assert (decision.state, decision.changes, decision.allowed, decision.reason) == (
        state,
        False,
        True,
        MoveReason.ALREADY,
    )


@pytest.mark.parametrize(
    ("state", "move", "reason"),
    [
        (State.RESOLVED, Move.ACKNOWLEDGE, MoveReason.RESOLVED),
        (State.RESOLVED, Move.MITIGATE, MoveReason.RESOLVED),
        (State.OPEN, Move.REOPEN, MoveReason.NOT_CLOSED),
        (State.ACKNOWLEDGED, Move.REOPEN, MoveReason.NOT_CLOSED),
    ],
)
def test_refused_moves_say_why(state: State, move: Move, reason: MoveReason) -> None:
    decision = decide(state, move)
    assert (decision.state, decision.allowed, decision.reason) == (state, False, reason)


def test_every_pair_of_state_and_move_is_decided() -> None:
    assert {decide(state, move).state for state in State for move in Move} == set(State)


def test_the_buttons_of_a_state_are_its_moves() -> None:
    assert moves(State.OPEN) == (Move.ACKNOWLEDGE, Move.MITIGATE, Move.RESOLVE)
    assert moves(State.RESOLVED) == (Move.REOPEN,)
