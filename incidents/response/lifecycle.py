"""What may happen to an incident, and why not.

    open ──acknowledge──► acknowledged ──mitigate──► mitigated ──resolve──► resolved
      └────────mitigate───────────────────────────────▲                        │
      ▲────────────────────────────reopen───────────────────────────────────────┘

Resolve is allowed from every state but resolved; reopen from mitigated and resolved. A move that has already
happened is no error: it changes nothing and says so, because two people press the same button.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


class State(StrEnum):
    """Where an incident stands."""

    OPEN = "open"
    ACKNOWLEDGED = "acknowledged"
    MITIGATED = "mitigated"
    RESOLVED = "resolved"


class Move(StrEnum):
    """What a person or the system may do to an incident's state."""

    ACKNOWLEDGE = "acknowledge"
    MITIGATE = "mitigate"
    RESOLVE = "resolve"
    REOPEN = "reopen"


class MoveReason(StrEnum):
    """Why a move changes the state, changes nothing, or is refused."""

    DONE = "done"
    ALREADY = "already so"
    RESOLVED = "it is resolved"
    NOT_CLOSED = "it is still open"
    MERGED = "it was merged into another incident"
    ANOTHER = "another incident of the same cause is open"


class ResolveReason(StrEnum):
    """Why an incident was resolved."""

    ALERTS_CLEARED = "alerts cleared"
    BY_HAND = "resolved by hand"


@dataclass(frozen=True, slots=True)
class Decision:
    """The outcome of a move: the new state, or the same one with the reason."""

    state: State
    changes: bool
    allowed: bool
    reason: MoveReason


_TO: Mapping[tuple[State, Move], State] = {
    (State.OPEN, Move.ACKNOWLEDGE): State.ACKNOWLEDGED,
    (State.OPEN, Move.MITIGATE): State.MITIGATED,
    (State.ACKNOWLEDGED, Move.MITIGATE): State.MITIGATED,
    (State.OPEN, Move.RESOLVE): State.RESOLVED,
    (State.ACKNOWLEDGED, Move.RESOLVE): State.RESOLVED,
    (State.MITIGATED, Move.RESOLVE): State.RESOLVED,
    (State.MITIGATED, Move.REOPEN): State.OPEN,
    (State.RESOLVED, Move.REOPEN): State.OPEN,
}
_ALREADY = {
    (State.ACKNOWLEDGED, Move.ACKNOWLEDGE),
    (State.MITIGATED, Move.ACKNOWLEDGE),
    (State.MITIGATED, Move.MITIGATE),
    (State.RESOLVED, Move.RESOLVE),
}


def decide(state: State, move: Move) -> Decision:
    """The state after `move`. acknowledge on open → acknowledged, done; on mitigated → mitigated, already so."""
    pair = (state, move)
    if pair in _TO:
        return Decision(state=_TO[pair], changes=True, allowed=True, reason=MoveReason.DONE)
    if pair in _ALREADY:
        return Decision(state=state, changes=False, allowed=True, reason=MoveReason.ALREADY)
    reason = MoveReason.RESOLVED if state is State.RESOLVED else MoveReason.NOT_CLOSED
    return Decision(state=state, changes=False, allowed=False, reason=reason)


def moves(state: State) -> tuple[Move, ...]:
    """The moves that would change something now, for buttons: open → acknowledge, mitigate, resolve."""
    return tuple(move for move in Move if (state, move) in _TO)
