"""The Drills pages: one drill as it goes, and how they all went."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from incidents.demo.queries import PhoneMessage, phone
from incidents.drills import queries, services
from incidents.drills import score as scores
from incidents.drills.models import Drill
from incidents.drills.score import Question, Record, Score, Step
from incidents.response.models import Incident
from observability.core.models import Organisation, User

LISTED = 30


@dataclass(frozen=True, slots=True)
class DrillSheet:
    """One drill: the steps with their seconds; what was right is told only when it is over."""

    drill: Drill
    people: tuple[User, ...]
    incidents: tuple[Incident, ...]
    steps: tuple[tuple[str, float | None], ...]
    answers: tuple[tuple[str, bool], ...]
    said: str
    messages: tuple[PhoneMessage, ...]
    mine: bool


@dataclass(frozen=True, slots=True)
class DrillRow:
    drill: Drill
    people: tuple[User, ...]
    score: Score | None

    @property
    def detected(self) -> float | None:
        return self.score.seconds[Step.DETECTED] if self.score is not None else None

    @property
    def mitigated(self) -> float | None:
        return self.score.seconds[Step.MITIGATED] if self.score is not None else None


@dataclass(frozen=True, slots=True)
class RecordRow:
    record: Record
    acknowledged: scores.Spread
    opened: scores.Spread
    mitigated: scores.Spread


@dataclass(frozen=True, slots=True)
class Drills:
    running: Drill | None
    rows: tuple[DrillRow, ...]
    records: tuple[RecordRow, ...]
    members: tuple[User, ...]
    faults: Sequence[services.Breakable]
    refused: str


def overview(*, organisation: Organisation) -> Drills:
    """The list: what runs, what can be broken, how it went for whom."""
    try:
        faults, refused = services.faults(), ""
    except services.DrillRefused as reason:
        faults, refused = (), str(reason)
    rows = tuple(_row(one) for one in queries.drills(organisation=organisation)[:LISTED])
    members = User.objects.filter(is_active=True, memberships__organisation=organisation).order_by("username")
    return Drills(
        running=next((row.drill for row in rows if not row.drill.is_over), None),
        rows=rows,
        records=tuple(_record(one) for one in queries.history(organisation=organisation)),
        members=tuple(members.distinct()),
        faults=faults,
        refused=refused,
    )


def _row(drill: Drill) -> DrillRow:
    return DrillRow(drill, tuple(drill.people.all()), scores.from_json(drill.score) if drill.score else None)


def _record(record: Record) -> RecordRow:
    at = record.spreads
    return RecordRow(record, at[Step.ACKNOWLEDGED], at[Step.OPENED], at[Step.MITIGATED])


def sheet(*, drill: Drill, user: User, now: datetime) -> DrillSheet:
    """One drill as it stands."""
    found = scores.from_json(drill.score) if drill.score else services.scored(drill)
    people = tuple(drill.people.all())
    return DrillSheet(
        drill=drill,
        people=people,
        incidents=tuple(queries.incidents(drill=drill)),
        steps=tuple((step.value, found.seconds[step]) for step in Step),
        answers=tuple((question.value, found.answers[question]) for question in Question) if drill.is_over else (),
        said=found.said if drill.is_over else "",
        messages=phone(organisation=drill.organisation, of=queries.inbox(drill=drill)),
        mine=user in people,
    )
