"""Whom to tell next, and why.

A policy is an ordered list of people. The first is told at once, each next one when nobody has answered for
`after_seconds`; at its end the list is gone through again, `repeats` times. An answer ends it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum


class Action(StrEnum):
    """What to do now."""

    NOTIFY = "notify"
    WAIT = "wait"
    STOP = "stop"


class EscalationReason(StrEnum):
    """Why that, as it is kept with the step and in the timeline."""

    FIRST = "first responder"
    UNANSWERED = "nobody answered"
    AGAIN = "nobody answered, from the top again"
    UNREACHABLE = "the last message could not be delivered"
    PASSED_ON = "passed on"
    ANSWERED = "answered"
    RESOLVED = "resolved"
    EXHAUSTED = "everyone was told"
    NOBODY = "nobody is on call"


@dataclass(frozen=True, slots=True)
class Person:
    """A responder, by id and by the name that the timeline shows."""

    user_id: int
    name: str


@dataclass(frozen=True, slots=True)
class Policy:
    """An escalation policy at the moment paging began."""

    name: str
    people: tuple[Person, ...]
    after_seconds: int
    repeats: int

    @property
    def length(self) -> int:
        """How many steps it has: 2 people, 2 repeats → 6."""
        return len(self.people) * (1 + self.repeats)


@dataclass(frozen=True, slots=True)
class History:
    """What has happened so far: when each step was taken, and whether someone answered."""

    told_at: Sequence[datetime]
    answered: bool = False
    resolved: bool = False
    last_undeliverable: bool = False
    passed_on: bool = False


@dataclass(frozen=True, slots=True)
class Step:
    """The next step: notify `person` now; or wait until `due_at` and then tell `person`; or stop."""

    action: Action
    reason: EscalationReason
    number: int
    person: Person | None = None
    due_at: datetime | None = None


def next_step(*, policy: Policy, history: History, now: datetime) -> Step:
    """The step that follows.

    People (Ana, Ben), 5 minutes: nobody told → notify Ana (first responder). Ana told at 12:00, now 12:03 → wait until
    12:05, then Ben. At 12:05 → notify Ben (nobody answered). Answered → stop.
    """
    number = len(history.told_at) + 1
    if history.resolved:
        return Step(Action.STOP, EscalationReason.RESOLVED, number)
    if history.answered:
        return Step(Action.STOP, EscalationReason.ANSWERED, number)
    if not policy.people:
        return Step(Action.STOP, EscalationReason.NOBODY, number)
    if number > policy.length:
        return Step(Action.STOP, EscalationReason.EXHAUSTED, number)
    person = policy.people[(number - 1) % len(policy.people)]
    if number == 1:
        return Step(Action.NOTIFY, EscalationReason.FIRST, number, person, now)
    if history.last_undeliverable:
        return Step(Action.NOTIFY, EscalationReason.UNREACHABLE, number, person, now)
    if history.passed_on:
        return Step(Action.NOTIFY, EscalationReason.PASSED_ON, number, person, now)
    reason = EscalationReason.AGAIN if number > len(policy.people) else EscalationReason.UNANSWERED
    due_at = history.told_at[-1] + timedelta(seconds=policy.after_seconds)
    return Step(Action.NOTIFY if due_at <= now else Action.WAIT, reason, number, person, due_at)


def snapshot(policy: Policy) -> dict[str, object]:
    """The policy as JSON, kept in the incident: later edits of the policy do not change a running escalation."""
    return {
        "name": policy.name,
        "people": [{"user_id": person.user_id, "name": person.name} for person in policy.people],
        "after_seconds": policy.after_seconds,
        "repeats": policy.repeats,
    }


def from_snapshot(stored: Mapping[str, object]) -> Policy:
    """The policy back from an incident; an empty snapshot is a policy with nobody in it."""
    people = stored.get("people")
    entries = people if isinstance(people, list) else []
    after, repeats = stored.get("after_seconds", 300), stored.get("repeats", 0)
    return Policy(
        name=str(stored.get("name", "")),
        people=tuple(Person(user_id=int(entry["user_id"]), name=str(entry["name"])) for entry in entries),
        after_seconds=after if isinstance(after, int) else 300,
        repeats=repeats if isinstance(repeats, int) else 0,
    )
