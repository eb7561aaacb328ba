"""Who would be told when, if nobody answered. Pure: asked of the same function that escalates."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from incidents.paging.escalation import Action, History, Policy, Step, next_step


@dataclass(frozen=True, slots=True)
class Told:
    """One step taken (or skipped, with the reason) so many seconds after the incident began.

    `number` counts the policy's steps from 1; 0 is the fallback. `round` counts from 1.
    """

    number: int
    round: int
    after_seconds: float
    step: Step
    reason: str
    skipped: bool


def course(*, policy: Policy, severity: int, begins: datetime) -> tuple[Told, ...]:
    """Every step in its turn.

    Ana, then Ben after 5 minutes, once again, then the fallback → Ana 0 s, Ben 300 s, Ana 600 s, Ben 900 s, fallback 1,200 s.
    """
    found: list[Told] = []
    taken: list[datetime] = []
    now, in_vain = begins, False
    while True:
        step = next_step(policy=policy, history=History(taken, last_in_vain=in_vain), severity=severity, now=now)
        if step.action is Action.STOP or step.step is None:
            return tuple(found)
        if step.action is Action.WAIT and step.due_at is not None:
            now = step.due_at
            continue
        last = step.number > policy.rounds
        place, turn = (
            (0, 1) if last else ((step.number - 1) % len(policy.steps) + 1, (step.number - 1) // len(policy.steps) + 1)
        )
        in_vain = step.action is Action.SKIP
        found.append(Told(place, turn, (now - begins).total_seconds(), step.step, str(step.reason), in_vain))
        taken.append(now)


def ends_after(told: tuple[Told, ...]) -> float:
    """Seconds until nothing more happens by itself: the last told, and its wait where it is a step."""
    return max(
        (one.after_seconds + (one.step.after_seconds if one.number and not one.skipped else 0) for one in told),
        default=0.0,
    )
