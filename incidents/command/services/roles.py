"""Taking a role, handing it over, and what of its checklist is done."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction

from incidents.command.models import Duty
from incidents.command.queries import briefs
from incidents.command.roles import Role
from incidents.response import services as response
from incidents.response.models import Incident
from incidents.response.timeline import TimelineKind
from observability.core import audit, permissions
from observability.core.models import User
from observability.core.permissions import Actor, Verb
from observability.core.refusals import Refused


class RoleRefused(Refused):
    """The role cannot be given so; the message says why."""


def take(*, incident: Incident, role: Role, actor: Actor, now: datetime) -> Duty:
    """The actor holds the role from now on; an offer of it is void. Taking what one holds changes nothing."""
    with transaction.atomic():
        incident, duty = _duty(incident, role, actor)
        _hold(incident, duty, actor, now)
        duty.offered_to = duty.offered_at = None
        duty.save()
    return duty


def offer(*, incident: Incident, role: Role, to: User, actor: Actor, now: datetime) -> Duty:
    """Ask somebody to take the role over. It stays where it is until they accept."""
    with transaction.atomic():
        incident, duty = _duty(incident, role, actor)
        held = incident.commander_id if role is Role.COMMANDER else duty.holder_id
        if held == to.pk:
            raise RoleRefused(f"{to} is {role} of {incident.name} already.")
        if not permissions.allowed(permissions.of(to, incident.organisation), Verb.TAKE_ROLE, incident):
            raise RoleRefused(f"{to} may not take a role here; an administrator can make them a responder.")
        if held not in {None, actor.user_id, incident.commander_id} and incident.commander_id != actor.user_id:
            raise RoleRefused(
                f"Only its holder or the commander hands {role} over; take it yourself where it is urgent."
            )
        duty.offered_to, duty.offered_at = to, now
        duty.save()
        _say(incident, TimelineKind.HANDED_OVER, f"{actor.name} offers {role} to {to}", role, actor, now)
    return duty


def accept(*, incident: Incident, role: Role, actor: Actor, now: datetime) -> Duty:
    """Take what was offered. Raises RoleRefused where nothing is offered to the actor (any more)."""
    with transaction.atomic():
        incident, duty = _offered(incident, role, actor)
        _hold(incident, duty, actor, now)
        duty.offered_to = duty.offered_at = None
        duty.save()
    return duty


def decline(*, incident: Incident, role: Role, actor: Actor, now: datetime) -> Duty:
    """Say no to an offer: whoever held the role still holds it."""
    with transaction.atomic():
        incident, duty = _offered(incident, role, actor)
        duty.offered_to = duty.offered_at = None
        duty.save()
        _say(incident, TimelineKind.HANDED_OVER, f"{actor.name} does not take {role}", role, actor, now)
    return duty


def tick(*, incident: Incident, role: Role, key: str, done: bool, actor: Actor, now: datetime) -> Duty:
    """Mark a line of the role's checklist as done, or not done after all."""
    if not briefs()[role].holds(key):
        raise RoleRefused(f"The checklist of {role} has no line {key!r}.")
    with transaction.atomic():
        incident, duty = _duty(incident, role, actor)
        ticked = [other for other in duty.ticked if other != key] + ([key] if done else [])
        if ticked != duty.ticked:
            duty.ticked = ticked
            duty.save(update_fields=["ticked"])
            payload = {"role": role.value, "key": key, "done": done}
            audit.record(actor=actor, verb="tick_checklist", obj=incident, now=now, payload=payload)
            Incident.objects.filter(pk=incident.pk).update(changed_at=now)
    return duty


def _duty(incident: Incident, role: Role, actor: Actor) -> tuple[Incident, Duty]:
    incident = response.locked(incident)
    permissions.require(actor, Verb.TAKE_ROLE, incident)
    if not incident.is_open:
        raise RoleRefused(f"{incident.name} is resolved: nobody needs a role in it any more.")
    duty, _ = Duty.objects.get_or_create(
        incident=incident, role=role, defaults={"organisation_id": incident.organisation_id}
    )
    return incident, duty


def _offered(incident: Incident, role: Role, actor: Actor) -> tuple[Incident, Duty]:
    incident, duty = _duty(incident, role, actor)
    if actor.user_id is None or duty.offered_to_id != actor.user_id:
        raise RoleRefused(f"{role} of {incident.name} is not offered to you, or not any more.".capitalize())
    return incident, duty


def _hold(incident: Incident, duty: Duty, actor: Actor, now: datetime) -> None:
    role = Role(duty.role)
    if actor.user_id is None:
        raise RoleRefused("A role is held by a person.")
    if role is Role.COMMANDER:
        response.take_command(incident=incident, actor=actor, now=now)
    elif duty.holder_id != actor.user_id:
        duty.holder_id = actor.user_id
        _say(incident, TimelineKind.ROLE_TAKEN, f"{actor.name} takes {role}", role, actor, now)


def _say(incident: Incident, kind: TimelineKind, sentence: str, role: Role, actor: Actor, now: datetime) -> None:
    payload = {"sentence": sentence, "role": role.value}
    response.write_timeline(incident=incident, kind=kind, now=now, actor=actor, payload=payload)
    audit.record(actor=actor, verb=Verb.TAKE_ROLE, obj=incident, now=now, payload=payload)
    Incident.objects.filter(pk=incident.pk).update(changed_at=now)
