"""Bring a draft of another system in: people that are missing, schedules, policies; or only say what would be done."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction
from django.utils.text import slugify

from incidents.oncall.document import LayerDocument, MemberDocument, ScheduleDocument, ShiftDocument
from incidents.oncall.importers.draft import Draft, DraftPolicy, DraftUser
from incidents.oncall.services.overrides import add_override
from incidents.oncall.services.policies import PolicySettings, StepSpec, TargetSpec, save_policy
from incidents.oncall.services.schedules import save_schedule
from observability.core import permissions, services
from observability.core.models import Organisation, Role, User
from observability.core.permissions import Actor, Verb
from observability.core.refusals import Refused


@dataclass(frozen=True, slots=True)
class ImportReport:
    """What was (or, in a dry run, would be) made, and what has no equivalent."""

    users_made: tuple[str, ...]
    users_found: tuple[str, ...]
    schedules: tuple[str, ...]
    policies: tuple[str, ...]
    lost: tuple[str, ...]
    dry: bool


class _Undo(Exception):
    """Ends a dry run: everything was tried, nothing is kept."""


def import_draft(*, organisation: Organisation, draft: Draft, actor: Actor, now: datetime, dry: bool) -> ImportReport:
    """All or nothing. A dry run does the same and takes it back, so that its report is what an import would say.

    People are recognised by mail address, then by username; those who are missing are made as responders who do not sign
    in yet. A second import changes what the first one made.
    """
    permissions.require(actor, Verb.MANAGE_ONCALL, organisation)
    permissions.require(actor, Verb.MANAGE_USERS, organisation)
    report: ImportReport | None = None
    try:
        with transaction.atomic():
            report = _import(organisation, draft, actor, now, dry)
            if dry:
                raise _Undo
    except _Undo:
        pass
    if report is None:
        raise Refused("Nothing was imported.")
    return report


def _import(organisation: Organisation, draft: Draft, actor: Actor, now: datetime, dry: bool) -> ImportReport:
    lost = list(draft.lost)
    people: dict[str, str] = {}
    renamed: dict[str, str] = {}
    made: list[str] = []
    for one in draft.users:
        user, is_new = _user(organisation, one, now)
        people[one.key] = renamed[one.username] = user.username
        made += [user.username] if is_new else []
    schedules: dict[str, str] = {}
    for schedule in draft.schedules:
        if not schedule.layers:
            lost.append(f"schedule {schedule.name}: nothing of it could be taken over")
            continue
        slug = slugify(schedule.name)[:80] or f"schedule-{schedule.key.lower()}"
        saved = save_schedule(
            organisation=organisation,
            slug=slug,
            name=schedule.name,
            document=ScheduleDocument(
                zone=schedule.zone, layers=tuple(_renamed(layer, renamed) for layer in schedule.layers)
            ),
            actor=actor,
            now=now,
        )
        schedules[schedule.key] = saved.slug
        for key, starts_at, ends_at in schedule.overrides:
            try:
                add_override(
                    schedule=saved,
                    username=people[key],
                    starts_at=starts_at,
                    ends_at=ends_at,
                    reason="imported",
                    actor=actor,
                    now=now,
                )
            except Refused as reason:
                lost.append(f"schedule {schedule.name}: an override was left out: {reason}")
    policies = [
        name for one in draft.policies if (name := _policy(organisation, one, people, schedules, lost, actor, now))
    ]
    return ImportReport(
        users_made=tuple(made),
        users_found=tuple(sorted(set(people.values()) - set(made))),
        schedules=tuple(schedules.values()),
        policies=tuple(policies),
        lost=tuple(lost),
        dry=dry,
    )


def _user(organisation: Organisation, one: DraftUser, now: datetime) -> tuple[User, bool]:
    mine = User.objects.filter(memberships__organisation=organisation)
    found = (mine.filter(email__iexact=one.email).first() if one.email else None) or mine.filter(
        username=one.username
    ).first()
    if found is not None:
        return found, False
    name = one.username
    while User.objects.filter(username=name).exists():  # somebody of another organisation has it
        name = f"{name}.{organisation.slug}"
    user, _ = services.create_user(
        organisation=organisation,
        username=name,
        role=Role.RESPONDER,
        now=now,
        signs_in=False,
        email=one.email,
        display_name=one.name[:200],
    )
    return user, True


def _renamed(layer: LayerDocument, names: Mapping[str, str]) -> LayerDocument:
    """The layer with our usernames, where a person was here under another name."""
    members = tuple(
        MemberDocument(people=tuple(names.get(one, one) for one in m.people), joins=m.joins, leaves=m.leaves)
        for m in layer.members
    )
    shifts = tuple(
        ShiftDocument(starts=s.starts, ends=s.ends, people=tuple(names.get(one, one) for one in s.people))
        for s in layer.shifts
    )
    return layer.model_copy(update={"members": members, "shifts": shifts})


def _policy(
    organisation: Organisation,
    one: DraftPolicy,
    people: Mapping[str, str],
    schedules: Mapping[str, str],
    lost: list[str],
    actor: Actor,
    now: datetime,
) -> str:
    """The policy's slug; empty where none of its steps tells anybody who is here."""
    known = {"user": people, "schedule": schedules}
    steps = []
    for place, step in enumerate(one.steps, start=1):
        targets = []
        for kind, key in step.targets:
            if key in known.get(kind, {}):
                targets.append(TargetSpec("user" if kind == "user" else "schedule", known[kind][key]))
            else:
                lost.append(f"policy {one.name}, step {place}: {kind} {key} is not in the export")
        if targets:
            steps.append(StepSpec(targets, step.after_seconds, step.round_robin, step.mildest_severity))
    if not steps:
        lost.append(f"policy {one.name}: none of its steps tells anybody who was taken over")
        return ""
    slug = slugify(one.name)[:80] or f"policy-{one.key.lower()}"
    given = PolicySettings(repeats=one.repeats)
    return save_policy(
        organisation=organisation, slug=slug, name=one.name[:200], steps=steps, given=given, actor=actor, now=now
    ).slug
