"""Whom to tell next, and why. Pure.

A policy is a list of steps. The first is taken at once, each next one when nobody has answered for as long as the one
before waits; at the end they are gone through again, `repeats` times, and then the organisation's fallback hears it. A
step that is not for this severity or hour, or reaches nobody, is skipped at once. Enough answers end it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime, time, timedelta
from enum import StrEnum
from typing import Any
from zoneinfo import ZoneInfo

from incidents.oncall.document import DAYS, HoursDocument
from incidents.oncall.schedule import MOMENT, Hours, open_hours


class Action(StrEnum):
    """What to do now."""

    NOTIFY = "notify"
    WAIT = "wait"
    SKIP = "skip"
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
    FALLBACK = "nobody answered to the end: the fallback"
    TOO_MILD = "not for this severity"
    OUT_OF_HOURS = "outside its hours"


class TargetKind(StrEnum):
    USER = "user"
    SCHEDULE = "schedule"
    TEAM = "team"


@dataclass(frozen=True, slots=True)
class Target:
    """Whom a step tells, by id and by the name that the timeline shows."""

    kind: TargetKind
    id: int
    name: str


@dataclass(frozen=True, slots=True)
class Step:
    """Tell `targets` (with `round_robin` one of their people an incident), then wait. `row_id` keeps the turns."""

    targets: tuple[Target, ...]
    after_seconds: int = 300
    round_robin: bool = False
    mildest_severity: int = 5
    hours: tuple[Hours, ...] = ()
    zone: str = "UTC"
    row_id: int | None = None

    @property
    def label(self) -> str:
        """As people say it: "Ana", "Primary and Ben"."""
        return " and ".join(target.name for target in self.targets)


@dataclass(frozen=True, slots=True)
class Policy:
    """An escalation policy at the moment paging began."""

    name: str
    steps: tuple[Step, ...]
    repeats: int = 0
    slug: str = ""
    acknowledgements: int = 1
    sev1_answer_seconds: int | None = 1800
    other_answer_seconds: int | None = None
    fallback: tuple[Target, ...] = ()

    @property
    def length(self) -> int:
        """How many steps are taken at most: 2 steps, 2 repeats → 6, and the fallback."""
        return self.rounds + bool(self.fallback)

    @property
    def rounds(self) -> int:
        return len(self.steps) * (1 + self.repeats)

    def with_fallback(self, targets: tuple[Target, ...]) -> Policy:
        return replace(self, fallback=targets)

    def answer_seconds(self, severity: int) -> int | None:
        """How long an acknowledgement holds without a sign of life; None: for good."""
        return self.sev1_answer_seconds if severity == 1 else self.other_answer_seconds


@dataclass(frozen=True, slots=True)
class History:
    """What has happened so far: when each step was taken or skipped, and whether enough people answered."""

    taken_at: Sequence[datetime]
    answered: bool = False
    resolved: bool = False
    #: The last step reached nobody: it was skipped, or its messages failed for good.
    last_in_vain: bool = False
    #: Somebody asked for the next one to be told now.
    passed_on: bool = False


@dataclass(frozen=True, slots=True)
class Next:
    """What to do: take step `number` now; wait until `due_at` and decide then; skip it; or stop."""

    action: Action
    reason: EscalationReason
    number: int
    step: Step | None = None
    due_at: datetime | None = None


def next_step(*, policy: Policy, history: History, severity: int, now: datetime) -> Next:
    """The step that follows.

    Steps (Ana), (Ben), 5 minutes each: nothing taken → notify Ana (first responder). Ana told at 12:00, now 12:03 → wait
    until 12:05, then Ben. At 12:05 → notify Ben (nobody answered). Answered → stop.
    """
    number = len(history.taken_at) + 1
    if history.resolved:
        return Next(Action.STOP, EscalationReason.RESOLVED, number)
    if history.answered:
        return Next(Action.STOP, EscalationReason.ANSWERED, number)
    if number > policy.length:
        end = EscalationReason.EXHAUSTED if policy.steps else EscalationReason.NOBODY
        return Next(Action.STOP, end, number)
    step = step_at(policy, number)
    due_at = _due_at(policy, history, number, now)
    if due_at > now:
        return Next(Action.WAIT, _reason(policy, history, number), number, step, due_at)
    if severity > step.mildest_severity:
        return Next(Action.SKIP, EscalationReason.TOO_MILD, number, step, due_at)
    if step.hours and not _open(step, now):
        return Next(Action.SKIP, EscalationReason.OUT_OF_HOURS, number, step, due_at)
    return Next(Action.NOTIFY, _reason(policy, history, number), number, step, due_at)


def applies(*, step: Step, severity: int, now: datetime) -> bool:
    """Whether the step is for this severity and hour: one for SEV1 alone is not for a SEV2."""
    return severity <= step.mildest_severity and (not step.hours or _open(step, now))


def step_at(policy: Policy, number: int) -> Step:
    """Step `number` of the run, counted from 1; the one after the last round is the fallback."""
    if number > policy.rounds:
        return Step(targets=policy.fallback)
    return policy.steps[(number - 1) % len(policy.steps)]


def in_turn(people: Sequence[Any], turn: int) -> Sequence[Any]:
    """The one whose turn it is: of (Ana, Ben) in turn 3, Ben."""
    return [people[turn % len(people)]] if people else []


def hours_of(document: HoursDocument) -> Hours:
    """Hours as schedules count them."""
    return Hours(tuple(DAYS.index(day) for day in document.days), document.start, document.minutes)


def _due_at(policy: Policy, history: History, number: int, now: datetime) -> datetime:
    if number == 1 or history.last_in_vain or history.passed_on:
        return now
    return history.taken_at[-1] + timedelta(seconds=step_at(policy, number - 1).after_seconds)


def _reason(policy: Policy, history: History, number: int) -> EscalationReason:
    if number > policy.rounds:
        return EscalationReason.FALLBACK if policy.steps else EscalationReason.NOBODY
    if number == 1:
        return EscalationReason.FIRST
    if history.last_in_vain:
        return EscalationReason.UNREACHABLE
    if history.passed_on:
        return EscalationReason.PASSED_ON
    return EscalationReason.AGAIN if number > len(policy.steps) else EscalationReason.UNANSWERED


def _open(step: Step, now: datetime) -> bool:
    return bool(open_hours(hours=step.hours, zone=ZoneInfo(step.zone), start=now, end=now + MOMENT))


def snapshot(policy: Policy) -> dict[str, object]:
    """The policy as JSON, kept in the incident: later edits of the policy do not change a running escalation."""
    document = asdict(policy)
    for step, kept in zip(policy.steps, document["steps"], strict=True):
        kept["hours"] = [
            {"weekdays": list(one.weekdays), "start": one.start.isoformat(), "minutes": one.minutes}
            for one in step.hours
        ]
    return document


def from_snapshot(stored: Mapping[str, Any]) -> Policy:
    """The policy back from an incident; an empty snapshot is a policy with nobody in it. Older ones list people."""
    if "people" in stored:
        people = [Target(TargetKind.USER, int(one["user_id"]), str(one["name"])) for one in stored["people"]]
        steps = tuple(Step((one,), int(stored.get("after_seconds", 300))) for one in people)
        return Policy(name=str(stored.get("name", "")), steps=steps, repeats=int(stored.get("repeats", 0)))
    if "steps" not in stored:  # nothing yet, or a vendor escalates
        return Policy(name="", steps=())
    given = {**stored, "steps": tuple(_step(one) for one in stored["steps"]), "fallback": _targets(stored["fallback"])}
    return Policy(**given)


def _step(stored: Mapping[str, Any]) -> Step:
    hours = tuple(
        Hours(tuple(one["weekdays"]), time.fromisoformat(one["start"]), one["minutes"]) for one in stored["hours"]
    )
    return Step(**{**stored, "targets": _targets(stored["targets"]), "hours": hours})


def _targets(stored: Sequence[Mapping[str, Any]]) -> tuple[Target, ...]:
    return tuple(Target(TargetKind(one["kind"]), int(one["id"]), str(one["name"])) for one in stored)
