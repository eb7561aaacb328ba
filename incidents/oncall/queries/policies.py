"""Who is told about a service, and who that is at an instant."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from django.db.models import F, Prefetch, Q, QuerySet

from incidents.drills import queries as drills
from incidents.oncall.document import HoursDocument
from incidents.oncall.models import EscalationPolicy, PolicyStep, Schedule, StepTarget, TeamMember
from incidents.oncall.queries import rota
from incidents.oncall.schedule import MOMENT, Shift
from incidents.paging.escalation import Policy, Step, Target, TargetKind, hours_of
from incidents.response.models import Incident
from observability.core.models import Organisation, Role, User
from sloengine.catalog.models import Service

#: What an incident's group key begins with, where it is about a schedule that has nobody for a while.
GAP = "gap:"


@dataclass(frozen=True, slots=True)
class Told:
    """A person to tell, and why it is them: "on call in Primary", "shadows Ana in Primary"; empty where they are named.

    `beside`: the users whom a shadow goes with; who learns is never told alone.
    """

    user: User
    because: str = ""
    beside: frozenset[int] = frozenset()


def policy_for(*, organisation: Organisation, service: Service | None, slug: str = "") -> Policy:
    """The policy of that slug, else the most specific that has somebody: of the service, its team, the organisation.

    Who left the organisation, or may not sign in any more, is nobody. Without a policy it is nobody too.
    """
    where = Q(is_default=True) | Q(is_fallback=True)
    if slug:
        where |= Q(slug=slug)
    if service is not None:
        where |= Q(service=service)
        if service.team_id is not None:
            where |= Q(team_id=service.team_id)
    rows = list(
        with_steps(organisation)
        .filter(where)
        .order_by(F("service").asc(nulls_last=True), F("team").asc(nulls_last=True))
    )
    rows.sort(key=lambda row: row.slug != slug)
    found = [read(row) for row in rows if _is_meant(row, service, slug)]
    policy = next((one for one in found if one.steps), found[0] if found else Policy(name="no policy", steps=()))
    return policy.with_fallback(_heard_by(organisation, next((row for row in rows if row.is_fallback), None)))


def _is_meant(row: EscalationPolicy, service: Service | None, slug: str) -> bool:
    """For this service, its team, all services, or asked for by name: the fallback by itself is for what nobody answers."""
    if row.slug == slug or row.is_default:
        return True
    if service is None:
        return False
    return row.service_id == service.pk or (row.team_id is not None and row.team_id == service.team_id)


def policy_of(*, incident: Incident) -> Policy:
    """Whom the incident is told, also when it is opened again: the policy of its route or service; of a gap the fallback; of a
    drill those who take part.

    Nobody is on call in a gap, so the policies that ask the schedule would tell nobody; the fallback hears it, four times.
    """
    if incident.drill:
        return drills.policy(incident=incident)
    organisation = incident.organisation
    if not incident.group_key.startswith(GAP):
        return policy_for(organisation=organisation, service=incident.service, slug=incident.policy_slug)
    targets = fallback(organisation=organisation)
    return Policy(name="Fallback", steps=(Step(targets=targets, after_seconds=900),) if targets else (), repeats=3)


def with_steps(organisation: Organisation) -> QuerySet[EscalationPolicy]:
    """Policies with their steps and targets, in three queries."""
    members = Q(user__is_active=True, user__memberships__organisation=organisation)
    targets = StepTarget.objects.filter(members | Q(user=None)).select_related("user", "schedule", "team")
    steps = PolicyStep.objects.prefetch_related(Prefetch("targets", targets))
    return EscalationPolicy.objects.filter(organisation=organisation).prefetch_related(Prefetch("steps", steps))


def read(row: EscalationPolicy) -> Policy:
    """A policy row, loaded by `with_steps`, as the pure policy. A step whose only people left is none."""
    steps = [_step(step) for step in row.steps.all()]
    return Policy(
        name=row.name,
        slug=row.slug,
        steps=tuple(step for step in steps if step.targets),
        repeats=row.repeats,
        acknowledgements=row.acknowledgements,
        sev1_answer_seconds=row.sev1_answer_seconds,
        other_answer_seconds=row.other_answer_seconds,
    )


def fallback(*, organisation: Organisation) -> tuple[Target, ...]:
    """Who hears of what nobody answered: the fallback policy's people, else the administrators that a pager reaches."""
    return _heard_by(organisation, with_steps(organisation).filter(is_fallback=True).first())


def _heard_by(organisation: Organisation, row: EscalationPolicy | None) -> tuple[Target, ...]:
    if row is not None:
        return tuple(target for step in read(row).steps for target in step.targets)
    admins = User.objects.filter(
        memberships__organisation=organisation, memberships__role=Role.ADMIN, is_active=True,
        pager_endpoints__organisation=organisation, pager_endpoints__enabled=True,
    )  # fmt: skip
    return tuple(Target(TargetKind.USER, admin.pk, str(admin)) for admin in admins.distinct().order_by("pk"))


def people_of(*, organisation: Organisation, targets: Iterable[Target], at: datetime) -> list[Told]:
    """Who the targets are at an instant, each person once; shadows after those whom they follow."""
    listed = list(targets)
    found = people_by_target(organisation=organisation, targets=listed, at=at)
    told: dict[int, Told] = {}
    for one in (one for target in listed for one in found[target]):
        told.setdefault(one.user.pk, one)
    return list(told.values())


def people_by_target(
    *, organisation: Organisation, targets: Iterable[Target], at: datetime
) -> dict[Target, list[Told]]:
    """The same target by target, in as many queries for one as for a hundred."""
    asked = list(dict.fromkeys(targets))
    ids = {kind: [one.id for one in asked if one.kind is kind] for kind in TargetKind}
    on_call = _on_call(organisation, ids, at)
    members: dict[int, list[int]] = {team: [] for team in ids[TargetKind.TEAM]}
    for team_id, user_id in TeamMember.objects.filter(team__in=members).order_by("pk").values_list("team", "user"):
        members[team_id].append(user_id)
    usernames = [name for _, shift in on_call for name in (*shift.people, *shift.shadows)]
    user_ids = [*ids[TargetKind.USER], *(user for team in members.values() for user in team)]
    active = User.objects.filter(
        Q(pk__in=user_ids) | Q(username__in=usernames), is_active=True, memberships__organisation=organisation
    )
    people = list(active.distinct()) if user_ids or usernames else []
    known: dict[str | int, User] = {user.username: user for user in people} | {user.pk: user for user in people}
    found = {}
    for target in asked:
        shifts = [(schedule, shift) for schedule, shift in on_call if _belongs(schedule, target)]
        named = (
            members.get(target.id, []) if target.kind is TargetKind.TEAM and not _has_schedule(target, on_call) else []
        )
        if target.kind is TargetKind.USER:
            named, shifts = [target.id], []
        told = [Told(known[one]) for one in named if one in known]
        for schedule, shift in shifts:
            on_call_now = [Told(known[one], f"on call in {schedule.name}") for one in shift.people if one in known]
            beside = frozenset(one.user.pk for one in on_call_now)
            because = f"shadows {' and '.join(shift.people)}"
            told += on_call_now
            told += [Told(known[one], because, beside) for one in shift.shadows if one in known and beside]
        found[target] = told
    return found


def _on_call(
    organisation: Organisation, ids: dict[TargetKind, list[int]], at: datetime
) -> list[tuple[Schedule, Shift]]:
    """Every schedule that the targets mean with who has it; one that nobody has is there with nobody."""
    if not ids[TargetKind.SCHEDULE] and not ids[TargetKind.TEAM]:
        return []
    meant = Q(pk__in=ids[TargetKind.SCHEDULE]) | Q(team__in=ids[TargetKind.TEAM])
    rows = rota.schedules(organisation=organisation).filter(meant)
    plans = rota.plans(found=rows, start=at, end=at + MOMENT)
    return [(plan.schedule, plan.on_call(at) or Shift(at, at, (), "nobody")) for plan in plans]


def _has_schedule(target: Target, on_call: list[tuple[Schedule, Shift]]) -> bool:
    return any(schedule.team_id == target.id for schedule, _ in on_call)


def _belongs(schedule: Schedule, target: Target) -> bool:
    return schedule.pk == target.id if target.kind is TargetKind.SCHEDULE else schedule.team_id == target.id


def _step(row: PolicyStep) -> Step:
    return Step(
        targets=tuple(_target(target) for target in row.targets.all()),
        after_seconds=row.after_seconds,
        round_robin=row.round_robin,
        mildest_severity=row.mildest_severity,
        hours=tuple(hours_of(HoursDocument.model_validate(one)) for one in row.hours),
        zone=row.zone,
        row_id=row.pk,
    )


def _target(row: StepTarget) -> Target:
    if row.user is not None:
        return Target(TargetKind.USER, row.user.pk, str(row.user))
    if row.schedule is not None:
        return Target(TargetKind.SCHEDULE, row.schedule.pk, row.schedule.name)
    if row.team is not None:
        return Target(TargetKind.TEAM, row.team.pk, row.team.name)
    raise ValueError(f"target {row.pk} names nobody")
