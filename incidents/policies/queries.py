"""Policies as their pages show them: who could be told, who is now, and when each would hear."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from incidents.oncall import windows
from incidents.oncall.document import HoursDocument
from incidents.oncall.models import EscalationPolicy, PolicyStep, Schedule, StepTarget
from incidents.oncall.queries.policies import Told as Person
from incidents.oncall.queries.policies import fallback, people_by_target, read, with_steps
from incidents.paging.escalation import Policy, Step, Target, TargetKind
from incidents.policies.course import Told, course, ends_after
from incidents.policies.course_svg import draw
from incidents.policies.draft import Draft, StepDraft, minutes
from observability.core.models import Organisation, Team, User
from sloengine.catalog.models import Service

FALLBACK = "The fallback"


@dataclass(frozen=True, slots=True)
class Choice:
    """One that a step may tell, as the form sends it ("user:ana") and as people read it."""

    value: str
    label: str
    target: Target


@dataclass(frozen=True, slots=True)
class Choices:
    """All that the form's selects offer, in groups."""

    groups: tuple[tuple[str, tuple[Choice, ...]], ...]
    services: tuple[Service, ...]
    teams: tuple[Team, ...]

    @property
    def targets(self) -> dict[str, Target]:
        return {choice.value: choice.target for _, group in self.groups for choice in group}


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the course in words; `people` are those it would reach if it were taken now."""

    told: Told
    who: str
    people: str
    reached: bool


@dataclass(frozen=True, slots=True)
class Course:
    """Who is told when: the drawing, the first round in words and what follows it."""

    told: tuple[Told, ...]
    svg: str
    lines: tuple[Line, ...]
    again_after: tuple[float, ...]
    last: Line | None
    ends_after: float
    nobody: bool


@dataclass(frozen=True, slots=True)
class PolicyRow:
    """A policy in its list: the steps in words and whom an incident now would reach first."""

    policy: EscalationPolicy
    steps: str
    first: str
    takes: float


def policies(*, organisation: Organisation, at: datetime) -> list[PolicyRow]:
    """Every policy with whom it would tell first: as many queries for one as for fifty."""
    rows = list(with_steps(organisation).select_related("service", "team"))
    loaded = [(row, read(row)) for row in rows]
    people = people_by_target(organisation=organisation, targets=_targets(policy for _, policy in loaded), at=at)
    found = []
    for row, policy in loaded:
        first = next((said for step in policy.steps if (said := _people(step, people))), "")
        steps = " → ".join(step.label for step in policy.steps)
        found.append(
            PolicyRow(row, steps, first, sum(step.after_seconds for step in policy.steps) * (1 + policy.repeats))
        )
    return found


def policy(*, organisation: Organisation, slug: str) -> EscalationPolicy | None:
    """The policy with its steps and what it is for."""
    return with_steps(organisation).select_related("service", "team").filter(slug=slug).first()


def choices(organisation: Organisation) -> Choices:
    """Who may be told and what a policy may be for: four queries."""
    teams = tuple(Team.objects.filter(organisation=organisation).order_by("name"))
    schedules = Schedule.objects.filter(organisation=organisation, archived_at=None).order_by("name")
    people = User.objects.filter(memberships__organisation=organisation, is_active=True).order_by("username")
    return Choices(
        groups=(
            ("Whoever is on call in", tuple(_choice("schedule", row.slug, row.name, row.pk) for row in schedules)),
            ("A person", tuple(_choice("user", row.username, str(row), row.pk) for row in people)),
            ("A team", tuple(_choice("team", row.slug, row.name, row.pk) for row in teams)),
        ),
        services=tuple(Service.objects.filter(organisation=organisation).order_by("slug")),
        teams=teams,
    )


def draft_of(row: EscalationPolicy) -> Draft:
    """A policy loaded by `policy` as its form."""
    return Draft(
        name=row.name,
        scope=f"service:{row.service.slug}"
        if row.service is not None
        else f"team:{row.team.slug}"
        if row.team is not None
        else "",
        is_default=row.is_default,
        is_fallback=row.is_fallback,
        repeats=str(row.repeats),
        acknowledgements=str(row.acknowledgements),
        sev1_answer=minutes(row.sev1_answer_seconds),
        other_answer=minutes(row.other_answer_seconds),
        steps=tuple(_step_draft(step) for step in row.steps.all()),
    )


def run(*, organisation: Organisation, policy: Policy, severity: int, at: datetime) -> Course:
    """What would happen to an incident of this severity that began at `at` and that nobody answered."""
    policy = policy.with_fallback(fallback(organisation=organisation))
    told = course(policy=policy, severity=severity, begins=at)
    people = people_by_target(organisation=organisation, targets=[*_targets([policy]), *policy.fallback], at=at)
    labels = {number: step.label for number, step in enumerate(policy.steps, start=1)}
    if any(not one.number for one in told):
        labels[0] = FALLBACK
    lines = [_line(one, people) for one in told]
    first = tuple(line for line in lines if line.told.number and line.told.round == 1)
    rounds = sorted({line.told.round for line in lines if line.told.number} - {1})
    again = [
        min(line.told.after_seconds for line in lines if line.told.number and line.told.round == turn)
        for turn in rounds
    ]
    return Course(
        told=told,
        svg=draw(told=told, labels=labels),
        lines=first,
        again_after=tuple(again),
        last=next((line for line in lines if not line.told.number), None),
        ends_after=ends_after(told),
        nobody=not any(line.reached for line in lines if not line.told.skipped),
    )


def _line(told: Told, people: Mapping[Target, Sequence[Person]]) -> Line:
    said = _people(told.step, people)
    named = all(target.kind is TargetKind.USER for target in told.step.targets)
    return Line(told, told.step.label, "" if named else said, bool(said))


def _people(step: Step, people: Mapping[Target, Sequence[Person]]) -> str:
    names = dict.fromkeys(str(one.user) for target in step.targets for one in people[target])
    return (" or " if step.round_robin else " and ").join(names)


def _targets(found: Iterable[Policy]) -> list[Target]:
    return [target for policy in found for step in policy.steps for target in step.targets]


def _choice(kind: str, name: str, label: str, pk: int) -> Choice:
    return Choice(f"{kind}:{name}", label, Target(TargetKind(kind), pk, label))


def _step_draft(row: PolicyStep) -> StepDraft:
    return StepDraft(
        targets=tuple(value_of(target) for target in row.targets.all()),
        wait=minutes(row.after_seconds),
        round_robin=row.round_robin,
        severity=row.mildest_severity,
        zone=row.zone,
        hours=tuple(windows.shown(HoursDocument.model_validate(one)) for one in row.hours),
    )


def value_of(row: StepTarget) -> str:
    """A target as the form sends it: "schedule:primary"."""
    if row.user is not None:
        return f"user:{row.user.username}"
    if row.schedule is not None:
        return f"schedule:{row.schedule.slug}"
    return f"team:{row.team.slug}" if row.team is not None else ""
