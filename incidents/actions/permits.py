"""Whether an action may be proposed, approved or run now, and why not. Asked again at each of these moments.

may_run(facts=Facts(on=True, approvals=1, approvals_needed=1, ...)) → Permit(allowed=True)
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from math import floor


class Why(StrEnum):
    """Why not."""

    OFF = "actions are off for this organisation"
    STOPPED = "all actions were stopped by the kill switch"
    OVER = "the incident is over"
    SETTLED = "it is no longer waiting for this"
    COMMANDER = "in SEV1 the commander runs no actions"
    OWN = "who asked for it may not approve it"
    TWICE = "this person has approved it already"
    APPROVALS = "it is not approved by enough people"
    ANOTHER = "another action of this service is under way"
    COOLING = "it ran too recently"
    RATE = "it ran too often"
    BLAST = "too many replicas would be out at once"
    ADVICE = "it is not offered any more"
    CONDITION = "its condition does not hold any more"
    CANNOT_TELL = "nobody can tell whether its condition still holds"


@dataclass(frozen=True, slots=True)
class Permit:
    """`detail` is the sentence for people; empty where it is allowed."""

    why: Why | None = None
    detail: str = ""

    @property
    def allowed(self) -> bool:
        return self.why is None

    @property
    def sentence(self) -> str:
        if self.why is None:
            return ""
        return f"{self.why.value}: {self.detail}" if self.detail else self.why.value


GRANTED = Permit()


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """Who acts: None for Tailwatch itself."""

    user_id: int | None
    commands: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What is known as the question is asked."""

    on: bool
    stopped: bool
    incident_open: bool
    severity: int = 5


def may_act(*, facts: Facts) -> Permit:
    """What holds for proposing, approving and running alike."""
    if not facts.on:
        return Permit(Why.OFF)
    if facts.stopped:
        return Permit(Why.STOPPED)
    return GRANTED if facts.incident_open else Permit(Why.OVER)


def may_approve(
    *, facts: Facts, person: Person, requested_by: int | None, approved_by: frozenset[int], waiting: bool
) -> Permit:
    """Another person than who asked, each once; in SEV1 not the commander."""
    permit = _may_touch(facts, person, waiting)
    if not permit.allowed:
        return permit
    if person.user_id is not None and person.user_id == requested_by:
        return Permit(Why.OWN)
    return Permit(Why.TWICE) if person.user_id in approved_by else GRANTED


def may_start(*, facts: Facts, person: Person, approvals: int, needed: int, waiting: bool) -> Permit:
    """A person presses Run."""
    permit = _may_touch(facts, person, waiting)
    if permit.allowed and approvals < needed:
        return Permit(Why.APPROVALS, f"{approvals} of {needed}")
    return permit


def _may_touch(facts: Facts, person: Person, waiting: bool) -> Permit:
    """What holds for a person who approves and for one who presses Run."""
    permit = may_act(facts=facts)
    if not permit.allowed:
        return permit
    if not waiting:
        return Permit(Why.SETTLED)
    return Permit(Why.COMMANDER) if facts.severity == 1 and person.commands else GRANTED


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """Runs of the same action on the same service, and what is under way there."""

    last_began_at: datetime | None
    began_in_window: int
    under_way: str = ""  # another run that has begun and not ended, as people say it


def may_begin(*, now: datetime, history: History, cool_down: timedelta, most_runs: int, window: timedelta) -> Permit:
    """The worker's own question, a moment before it acts: alone, not too soon, not too often."""
    if history.under_way:
        return Permit(Why.ANOTHER, history.under_way)
    if history.last_began_at is not None and now - history.last_began_at < cool_down:
        left = cool_down - (now - history.last_began_at)
        return Permit(Why.COOLING, f"again in {_minutes(left)}")
    if history.began_in_window >= most_runs:
        return Permit(Why.RATE, f"{history.began_in_window} times in {_minutes(window)}, at most {most_runs}")
    return GRANTED


def may_take(*, out: int, replicas: int | None, takes: int, blast_radius: float) -> Permit:
    """Never more than the share of the replicas out at once.

    Of 4 replicas at 25 % one may be out: with none out, taking one is allowed; with one out it is not. Of 3 replicas at 25 % none
    may be: 0.75 is less than one.
    """
    if not takes:
        return GRANTED
    if replicas is None:
        return Permit(Why.BLAST, "nobody can tell how many replicas there are")
    if out + takes > floor(replicas * blast_radius + 1e-9):
        return Permit(Why.BLAST, f"{out + takes} of {replicas}, at most {blast_radius:.0%}")
    return GRANTED


def _minutes(span: timedelta) -> str:
    seconds = max(1, round(span.total_seconds()))
    return f"{seconds} s" if seconds < 90 else f"{round(seconds / 60)} min"
