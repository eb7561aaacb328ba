"""A run from the proposal to its start: proposed, approved, refused, started; taken back; settled by hand where nobody knows."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.db import transaction

from incidents.actions import offer, permits, queries
from incidents.actions.course import FIRST_LOOK, IN_FORCE, WAITING, State
from incidents.actions.document import Binding
from incidents.actions.kinds import KINDS
from incidents.actions.models import ActionApproval, ActionRun
from incidents.actions.permits import Person
from incidents.actions.services.rows import ActionRefused, ended, locked, note, tell
from incidents.diagnosis import queries as diagnosis
from incidents.response.models import Incident
from incidents.response.timeline import TimelineKind
from observability.core import permissions
from observability.core.permissions import Actor, Verb
from sloengine.catalog.models import Service

#: Executors that can take back what they did, and actions that cannot be taken back.
TAKES_BACK = frozenset({"webhook", "kubernetes"})
FINAL = frozenset({"warm_restart", "page_vendor"})


def propose(
    *, incident: Incident, action: str, actor: Actor, now: datetime, given: Mapping[str, str] | None = None
) -> ActionRun:
    """Ask for an action that is offered. `given` is what a person chose: {"replica": "chat-1"}."""
    permissions.require(actor, Verb.PROPOSE_ACTION, incident)
    _need(permits.may_act(facts=queries.facts(organisation_id=incident.organisation_id, incident=incident)))
    found = queries.offers(incident=incident, now=now)
    offered = found.of(action) if found is not None else None
    if found is None or offered is None or incident.service is None:
        raise ActionRefused("there is no such action, or the incident names no service")
    if offered.binding is None:
        raise ActionRefused(f"nobody carries that out for {incident.service.slug} yet; bind it under Actions")
    parameters = _filled(offered.binding, found.fleet, given or {}, incident.service, now)
    judged = queries.for_target(found=found, binding=offered.binding, target=parameters.get("replica")).of(action)
    if judged is None or not judged.offered:
        raise ActionRefused(judged.reason if judged is not None else offered.reason)
    with transaction.atomic():
        Incident.objects.select_for_update(no_key=True, of=("self",)).get(pk=incident.pk)
        waiting = ActionRun.objects.filter(incident=incident, action=action, undo_of=None)
        if waiting.filter(state__in=[State.PROPOSED, State.APPROVED, State.STARTED, State.RUNNING]).exists():
            raise ActionRefused("it is proposed or under way already")
        run = _run(incident.service, offered.binding, parameters, actor, now, incident=incident, because=judged.reason)
        tell(run, TimelineKind.ACTION_PROPOSED, said=f"{run.title}: {run.because}", now=now, actor=_person(actor))
        note(run, Verb.PROPOSE_ACTION, now=now, actor=actor)
    return run


def rehearse(*, service: Service, action: str, actor: Actor, now: datetime) -> ActionRun:
    """Ask the executor of a binding to change nothing, from the settings: whether it is reached, and what it would do."""
    permissions.require(actor, Verb.MANAGE_ACTIONS, service)
    if queries.switch(organisation_id=service.organisation_id).stopped_at is not None:
        raise ActionRefused(permits.Permit(permits.Why.STOPPED))
    binding = queries.document(organisation_id=service.organisation_id).binding(service=service.slug, action=action)
    if binding is None:
        raise ActionRefused(f"nothing is bound to {action} of {service.slug}")
    seen = queries.fleet(view=queries.view_since(service=service, since=now, now=now))
    first = {"replica": seen.worst or "", "region": next((one.region for one in seen.replicas), "")}
    parameters = _filled(binding, seen, first, service, now)
    with transaction.atomic():
        run = _run(service, binding, parameters, actor, now, because="a rehearsal from the settings", rehearsal=True)
        _go(run, actor, now)
        note(run, Verb.RUN_ACTION, now=now, actor=actor, rehearsal=True)
    return run


def approve(*, run: ActionRun, actor: Actor, now: datetime, go: bool = False) -> ActionRun:
    """One person says yes: never who asked, in SEV1 never the commander. `go` starts it with the last approval that it needs."""
    permissions.require(actor, Verb.APPROVE_ACTION, run)
    with transaction.atomic():
        run = locked(run)
        approved_by = frozenset(run.approvals.values_list("user_id", flat=True))
        _need(
            permits.may_approve(
                facts=queries.facts(organisation_id=run.organisation_id, incident=run.incident),
                person=_acting(run, actor),
                requested_by=run.requested_by_id,
                approved_by=approved_by,
                waiting=run.state == State.PROPOSED,
            )
        )
        if actor.user_id is None:
            raise ActionRefused("a person approves, not a program")
        ActionApproval.objects.create(run=run, user_id=actor.user_id, at=now)
        count = len(approved_by) + 1
        if count >= run.needed:
            run.state = State.APPROVED.value
            run.save(update_fields=["state"])
        tell(run, TimelineKind.ACTION_APPROVED, said=f"{run.title}, {count} of {run.needed}", now=now, actor=actor)
        note(run, Verb.APPROVE_ACTION, now=now, actor=actor)
        if go and count >= run.needed:
            _start(run, actor, now)
    return run


def start(*, run: ActionRun, actor: Actor, now: datetime) -> ActionRun:
    """Run what is approved. The guards are asked again by whoever carries it out, a moment before."""
    with transaction.atomic():
        run = locked(run)
        _start(run, actor, now)
    return run


def _start(run: ActionRun, actor: Actor, now: datetime) -> None:
    permissions.require(actor, Verb.RUN_ACTION, run)
    _need(
        permits.may_start(
            facts=queries.facts(organisation_id=run.organisation_id, incident=run.incident),
            person=_acting(run, actor),
            approvals=run.approvals.count(),
            needed=run.needed,
            waiting=run.state in WAITING,
        )
    )
    _go(run, actor, now)
    note(run, Verb.RUN_ACTION, now=now, actor=actor)


def refuse(*, run: ActionRun, actor: Actor, now: datetime, reason: str = "") -> ActionRun:
    """Somebody says no: it will not run. Who asked may take it back so."""
    permissions.require(actor, Verb.PROPOSE_ACTION, run)
    with transaction.atomic():
        run = locked(run)
        if run.state not in WAITING:
            raise ActionRefused(permits.Permit(permits.Why.SETTLED))
        said = f"by {actor.name}{': ' if reason.strip() else ''}{reason.strip()[:300]}"
        ended(run, State.REFUSED, reason=said, now=now)
        tell(run, TimelineKind.ACTION_REFUSED, said=f"{run.title}, {said}", now=now, actor=actor)
        note(run, Verb.APPROVE_ACTION, now=now, actor=actor, refused=True, reason=reason[:300])
    return run


def undo(*, run: ActionRun, actor: Actor, now: datetime) -> ActionRun:
    """Take back what a run did, now; an undo that was planned for later is brought forward."""
    permissions.require(actor, Verb.RUN_ACTION, run)
    with transaction.atomic():
        run = locked(run)
        facts = queries.facts(organisation_id=run.organisation_id, incident=None)
        _need(permits.may_act(facts=facts))
        if run.incident is not None and run.incident.severity == 1 and _acting(run, actor).commands:
            raise ActionRefused(permits.Permit(permits.Why.COMMANDER))
        if not can_undo(run):
            raise ActionRefused("there is nothing that could be taken back")
        planned = plan_undo(run, at=now, now=now, because=f"asked for by {actor.name}", actor=actor)
        note(planned, Verb.RUN_ACTION, now=now, actor=actor, undo=run.pk)
        return planned


def can_undo(run: ActionRun) -> bool:
    """Whether what it did is in force and can be taken back."""
    return (
        run.state in IN_FORCE
        and not run.rehearsal
        and run.undo_of_id is None
        and run.action not in FINAL
        and run.binding["executor"]["kind"] in TAKES_BACK
        and not any(one.state in IN_FORCE for one in run.undone_by.all())
    )


def plan_undo(run: ActionRun, *, at: datetime, now: datetime, because: str, actor: Actor | None = None) -> ActionRun:
    """A run that takes another back at `at`; who approved the one approved this. Needs the run locked."""
    planned = run.undone_by.filter(state=State.STARTED).first()
    if planned is not None:
        planned.due_at, planned.because = at, because
        planned.save(update_fields=["due_at", "because"])
        return planned
    return ActionRun.objects.create(
        organisation_id=run.organisation_id,
        incident=run.incident,
        service=run.service,
        action=run.action,
        binding=run.binding,
        parameters=run.parameters,
        key=secrets.token_hex(16),
        undo_of=run,
        because=because,
        state=State.STARTED.value,
        requested_by_id=actor.user_id if actor is not None else None,
        requested_at=now,
        due_at=at,
    )


def settle(*, run: ActionRun, happened: bool, actor: Actor, now: datetime) -> ActionRun:
    """Somebody looked whether a run that nobody knows of happened."""
    permissions.require(actor, Verb.RUN_ACTION, run)
    with transaction.atomic():
        run = locked(run)
        if run.state != State.UNKNOWN:
            raise ActionRefused(permits.Permit(permits.Why.SETTLED))
        word = "it happened" if happened else "it did not happen"
        said = f"{actor.name} looked: {word}"
        if happened and run.bound.verify is not None and not run.rehearsal:
            run.state, run.reason, run.done_at, run.due_at = State.VERIFYING.value, said, now, now + FIRST_LOOK
            run.save(update_fields=["state", "reason", "done_at", "due_at"])
        else:
            run.done_at = now if happened else None
            run.save(update_fields=["done_at"])
            ended(run, State.DONE if happened else State.FAILED, reason=said, now=now)
        tell(run, TimelineKind.ACTION_RAN, said=f"{run.title}: {said}", now=now, actor=actor)
        note(run, Verb.RUN_ACTION, now=now, actor=actor, happened=happened)
    return run


def _run(
    service: Service,
    binding: Binding,
    parameters: dict[str, Any],
    actor: Actor,
    now: datetime,
    *,
    because: str,
    incident: Incident | None = None,
    rehearsal: bool = False,
) -> ActionRun:
    return ActionRun.objects.create(
        organisation_id=service.organisation_id,
        incident=incident,
        service=service,
        action=binding.action,
        binding=binding.as_json(),
        parameters=parameters,
        key=secrets.token_hex(16),
        rehearsal=rehearsal or binding.rehearse,
        because=because,
        state=State.PROPOSED.value,
        requested_by_id=actor.user_id,
        requested_at=now,
        due_at=now,
    )


def _go(run: ActionRun, actor: Actor, now: datetime) -> None:
    run.state, run.due_at, run.started_by_id = State.STARTED.value, now, actor.user_id
    run.save(update_fields=["state", "due_at", "started_by"])


def _filled(
    binding: Binding, seen: offer.Fleet, given: Mapping[str, str], service: Service, now: datetime
) -> dict[str, Any]:
    _, previous = diagnosis.versions(service=service, now=now)
    needed = {key: value for key, value in given.items() if key in binding.parameters}
    try:
        return offer.filled(binding=binding, fleet=seen, given=needed, previous_version=previous)
    except offer.CannotFill as problem:
        raise ActionRefused(f"{KINDS[binding.action].title}: {problem}") from problem


def _acting(run: ActionRun, actor: Actor) -> Person:
    commands = run.incident is not None and run.incident.commander_id == actor.user_id and actor.user_id is not None
    return Person(user_id=actor.user_id, commands=commands)


def _person(actor: Actor) -> Actor | None:
    """In a timeline Tailwatch itself is nobody."""
    return actor if actor.kind != "system" else None


def _need(permit: permits.Permit) -> None:
    if not permit.allowed:
        raise ActionRefused(permit)
