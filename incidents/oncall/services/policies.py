"""Set who is told."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from django.db import IntegrityError, transaction
from django.utils.text import slugify

from incidents.oncall.document import HoursDocument, ScheduleInvalidError, known_zone
from incidents.oncall.models import EscalationPolicy, PolicyStep, Schedule, StepTarget
from incidents.oncall.services.members import NotAMember, members
from observability.core import audit, permissions
from observability.core.models import Organisation, Team, User
from observability.core.permissions import Actor, Verb
from observability.core.refusals import Refused
from sloengine.catalog.models import Service

MOST_REPEATS = 20


class PolicyInvalid(Refused):
    """The policy is refused whole; the message names what, what was found and what was expected."""


@dataclass(frozen=True, slots=True)
class TargetSpec:
    """A person by username, a schedule or a team by slug."""

    kind: Literal["user", "schedule", "team"]
    name: str


@dataclass(frozen=True, slots=True)
class StepSpec:
    """One step as people write it; `hours` as in a schedule's layer, in `zone`."""

    targets: Sequence[TargetSpec]
    after_seconds: int = 300
    round_robin: bool = False
    mildest_severity: int = 5
    hours: Sequence[HoursDocument] = ()
    zone: str = "UTC"


@dataclass(frozen=True, slots=True)
class PolicySettings:
    """What a policy says beside its steps."""

    repeats: int = 2
    acknowledgements: int = 1
    sev1_answer_seconds: int | None = 1800
    other_answer_seconds: int | None = None
    service: Service | None = None
    team: Team | None = None
    is_default: bool = False
    is_fallback: bool = False


def set_policy(
    *,
    organisation: Organisation,
    people: Sequence[User],
    actor: Actor,
    now: datetime,
    name: str = "Default",
    service: Service | None = None,
    team: Team | None = None,
    after_seconds: int = 300,
    repeats: int = 2,
) -> EscalationPolicy:
    """Replace the policy of a service, a team or (neither given) the organisation by this ordered list of people."""
    mine = set(organisation.memberships.filter(user__in=people).values_list("user_id", flat=True))
    strangers = [str(person) for person in people if person.pk not in mine]
    if strangers:
        raise NotAMember(f"{', '.join(strangers)} do not belong to {organisation}; add them to it first.")
    default = service is None and team is None
    rows = EscalationPolicy.objects.filter(organisation=organisation)
    before = rows.filter(is_default=True) if default else rows.filter(service=service, team=team)
    slug = before.values_list("slug", flat=True).first() or free_slug(organisation, name)
    steps = [StepSpec([TargetSpec("user", person.username)], after_seconds) for person in people]
    return save_policy(
        organisation=organisation,
        slug=slug,
        name=name,
        steps=steps,
        given=PolicySettings(repeats=repeats, service=service, team=team, is_default=default),
        actor=actor,
        now=now,
    )


def save_policy(
    *,
    organisation: Organisation,
    slug: str,
    name: str,
    steps: Sequence[StepSpec],
    actor: Actor,
    now: datetime,
    given: PolicySettings | None = None,
) -> EscalationPolicy:
    """The policy of this slug with exactly these steps. Escalations under way keep the one that they began with."""
    permissions.require(actor, Verb.MANAGE_ONCALL, organisation)
    given = given or PolicySettings()
    _check(steps, given)
    found = _resolved(organisation, steps)
    fields = {name: getattr(given, name) for name in PolicySettings.__dataclass_fields__}
    try:
        with transaction.atomic():
            policy, _ = EscalationPolicy.objects.update_or_create(
                organisation=organisation, slug=slug or slugify(name)[:80], defaults={"name": name, **fields}
            )
            policy.steps.all().delete()
            for position, step in enumerate(steps, start=1):
                row = PolicyStep.objects.create(policy=policy, position=position, **_columns(step))
                StepTarget.objects.bulk_create(
                    StepTarget(step=row, place=place, **found[target])
                    for place, target in enumerate(step.targets, start=1)
                )
            payload = {
                "slug": policy.slug,
                "steps": [
                    {"tell": [f"{t.kind}:{t.name}" for t in step.targets], "after_seconds": step.after_seconds}
                    for step in steps
                ],
            }
            audit.record(actor=actor, verb="set_escalation_policy", obj=policy, now=now, payload=payload)
    except IntegrityError as error:
        raise PolicyInvalid(f"Another policy is already for the same: {_clash(organisation, slug, given)}") from error
    return policy


def remove_policy(*, policy: EscalationPolicy, actor: Actor, now: datetime) -> None:
    """It is used no more; escalations under way go on with what they began with."""
    permissions.require(actor, Verb.MANAGE_ONCALL, policy)
    with transaction.atomic():
        audit.record(actor=actor, verb="remove_escalation_policy", obj=policy, now=now, payload={"slug": policy.slug})
        policy.delete()


def _check(steps: Sequence[StepSpec], given: PolicySettings) -> None:
    wrong = []
    if given.repeats > MOST_REPEATS:
        wrong.append(f"repeats: found {given.repeats}, expected 0 to {MOST_REPEATS}")
    if given.acknowledgements < 1:
        wrong.append(f"acknowledgements: found {given.acknowledgements}, expected 1 or more")
    for position, step in enumerate(steps, start=1):
        if not step.targets:
            wrong.append(f"step {position}: tells nobody, expected a user, a schedule or a team")
        if not 0 <= step.after_seconds <= 7 * 86400:
            wrong.append(f"step {position}: waits {step.after_seconds} s, expected 0 to a week")
        if not 1 <= step.mildest_severity <= 5:
            wrong.append(f"step {position}: mildest severity {step.mildest_severity}, expected 1 to 5")
        try:
            known_zone(step.zone)
        except ScheduleInvalidError as reason:
            wrong.append(f"step {position}: {reason}")
    if wrong:
        raise PolicyInvalid("; ".join(wrong))


def _resolved(organisation: Organisation, steps: Sequence[StepSpec]) -> Mapping[TargetSpec, dict[str, Any]]:
    asked = {target for step in steps for target in step.targets}
    people = members(organisation=organisation, usernames=[one.name for one in asked if one.kind == "user"])
    schedules = _by_slug(Schedule.objects.filter(organisation=organisation), asked, "schedule")
    teams = _by_slug(Team.objects.filter(organisation=organisation), asked, "team")
    found: dict[str, Mapping[str, Any]] = {"user": people, "schedule": schedules, "team": teams}
    return {target: {target.kind: found[target.kind][target.name]} for target in asked}


def _by_slug(rows: Any, asked: set[TargetSpec], kind: str) -> dict[str, Any]:
    names = [target.name for target in asked if target.kind == kind]
    found = {row.slug: row for row in rows.filter(slug__in=names)}
    missing = sorted(set(names) - set(found))
    if missing:
        there = ", ".join(sorted(rows.values_list("slug", flat=True))) or "none yet"
        raise PolicyInvalid(f"There is no {kind} {', '.join(missing)}; there are: {there}.")
    return found


def _columns(step: StepSpec) -> dict[str, Any]:
    return {
        "after_seconds": step.after_seconds,
        "round_robin": step.round_robin,
        "mildest_severity": step.mildest_severity,
        "hours": [one.model_dump(mode="json") for one in step.hours],
        "zone": step.zone,
    }


def free_slug(organisation: Organisation, name: str) -> str:
    """The name as a slug that no policy has: "Night watch" -> night-watch, else night-watch-2."""
    base = slugify(name)[:70] or "policy"
    taken = set(EscalationPolicy.objects.filter(organisation=organisation).values_list("slug", flat=True))
    return next(slug for slug in (base, *(f"{base}-{n}" for n in range(2, 10_000))) if slug not in taken)


def _clash(organisation: Organisation, slug: str, given: PolicySettings) -> str:
    others = EscalationPolicy.objects.filter(organisation=organisation).exclude(slug=slug)
    for what, row in (
        ("the default", others.filter(is_default=True).first() if given.is_default else None),
        ("the fallback", others.filter(is_fallback=True).first() if given.is_fallback else None),
        ("the service", others.filter(service=given.service).first() if given.service is not None else None),
        ("the team", others.filter(team=given.team).first() if given.team is not None else None),
    ):
        if row is not None:
            return f"{row.slug} is {what}'s."
    return "a name that is taken."
