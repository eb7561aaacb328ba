"""How a drill went: what the platform found, and how long each step took. Pure; the benchmark and the page score alike."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from statistics import median


class Step(StrEnum):
    """What happens in a drill, in order. Times count from the start of the fault."""

    DETECTED = "detected"
    PAGED = "paged"
    ACKNOWLEDGED = "acknowledged"
    OPENED = "runbook opened"
    MITIGATED = "mitigated"
    RESOLVED = "resolved"


class Question(StrEnum):
    DETECTED = "detected"
    ONE_INCIDENT = "one incident"
    BRANCH = "first branch right"
    LEAF = "leaf right"
    LEAF_IN_THREE = "leaf among the first three"
    RUNBOOK = "runbook right"


@dataclass(frozen=True, slots=True)
class Expected:
    """What the fault should be called. `branches`: those of the tree that lead to its leaf."""

    leaf: str
    branches: frozenset[str]
    runbook: str


@dataclass(frozen=True, slots=True)
class Seen:
    """What came of the fault: how many incidents, and of the first one what was decided and when. None: it did not happen."""

    started_at: datetime
    incidents: int = 0
    branch: str | None = None
    leaf: str | None = None
    rivals: Sequence[str] = ()
    runbook: str | None = None
    at: Mapping[Step, datetime | None] | None = None


@dataclass(frozen=True, slots=True)
class Score:
    """Each question with its answer, each step with its seconds (None: it did not happen)."""

    answers: Mapping[Question, bool]
    seconds: Mapping[Step, float | None]

    @property
    def right(self) -> int:
        return sum(self.answers.values())

    @property
    def said(self) -> str:
        """ "6 of 6 right" """
        return f"{self.right} of {len(self.answers)} right"

    def as_json(self) -> dict[str, dict[str, object]]:
        return {
            "answers": {question.value: answer for question, answer in self.answers.items()},
            "seconds": {step.value: seconds for step, seconds in self.seconds.items()},
        }


def from_json(stored: Mapping[str, Mapping[str, object]]) -> Score:
    """The score back from its row."""
    answers, seconds = stored.get("answers", {}), stored.get("seconds", {})
    told = {step: seconds.get(step.value) for step in Step}
    return Score(
        answers={question: bool(answers.get(question.value)) for question in Question},
        seconds={step: float(value) if isinstance(value, int | float) else None for step, value in told.items()},
    )


def score(*, expected: Expected, seen: Seen) -> Score:
    """A fault at 12:00:00, found at 12:01:30 in one incident on the right leaf: detected after 90 s, all six right.

    Where nothing was detected nothing else is right. What happened before the fault (a clock that was set back) counts as 0.
    """
    found = seen.incidents > 0
    first_three = [seen.leaf, *seen.rivals][:3]
    return Score(
        answers={
            Question.DETECTED: found,
            Question.ONE_INCIDENT: seen.incidents == 1,
            Question.BRANCH: found and seen.branch in expected.branches,
            Question.LEAF: found and seen.leaf == expected.leaf,
            Question.LEAF_IN_THREE: found and expected.leaf in first_three,
            Question.RUNBOOK: found and seen.runbook == expected.runbook,
        },
        seconds={step: _after(seen.started_at, (seen.at or {}).get(step)) for step in Step},
    )


def _after(started_at: datetime, at: datetime | None) -> float | None:
    return max((at - started_at).total_seconds(), 0.0) if at is not None else None


@dataclass(frozen=True, slots=True)
class Attempt:
    """One drill that somebody took part in."""

    person: str
    fault: str
    at: datetime
    score: Score


@dataclass(frozen=True, slots=True)
class Spread:
    """Best and median of those that happened, and how many those were."""

    best: float | None
    median: float | None
    count: int


@dataclass(frozen=True, slots=True)
class Record:
    """A person with a fault: how often, how right, how fast."""

    person: str
    fault: str
    drills: int
    last_at: datetime
    right: float
    spreads: Mapping[Step, Spread]


def spread(values: Iterable[float | None]) -> Spread:
    """(60, None, 120, 90) is best 60, median 90, 3 of them."""
    known = sorted(value for value in values if value is not None)
    return Spread(known[0], median(known), len(known)) if known else Spread(None, None, 0)


def history(attempts: Iterable[Attempt]) -> list[Record]:
    """Each person with each fault they have met, by person, the fault met last first."""
    groups: dict[tuple[str, str], list[Attempt]] = {}
    for attempt in attempts:
        groups.setdefault((attempt.person, attempt.fault), []).append(attempt)
    records = [
        Record(
            person=person,
            fault=fault,
            drills=len(group),
            last_at=max(one.at for one in group),
            right=sum(one.score.right for one in group) / (len(group) * len(Question)),
            spreads={step: spread(one.score.seconds[step] for one in group) for step in Step},
        )
        for (person, fault), group in groups.items()
    ]
    return sorted(records, key=lambda one: (one.person, -one.last_at.timestamp(), one.fault))
