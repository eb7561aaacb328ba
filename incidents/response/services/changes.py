"""What is corrected while it lasts: severity, commander, impact start, notes."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction

from incidents.paging import services as paging
from incidents.response import severity as severities
from incidents.response.lifecycle import State
from incidents.response.models import Incident, TimelineEntry
from incidents.response.queries import answers
from incidents.response.services.holding import end_answer
from incidents.response.services.rows import (
    NotCommander,
    check_impact,
    locked,
    record,
    save,
    write_timeline,
)
from incidents.response.severity import Severity
from incidents.response.timeline import TimelineKind
from incidents.updates import services as updates
from observability.core import audit, permissions
from observability.core.permissions import Actor, Verb


def change_severity(
    *, incident: Incident, severity: Severity, actor: Actor, now: datetime, reason: str = ""
) -> Incident:
    """Set the severity. Worse: those who were told hear it, and where nobody was, SEV1 and SEV2 page.

    Anyone may call it worse; better only its commander, or who commands incidents here in general.
    """
    with transaction.atomic():
        incident = locked(incident)
        permissions.require(actor, Verb.CHANGE_SEVERITY, incident)
        before = Severity(incident.severity)
        if before == severity:
            return incident
        commands = actor.user_id is not None and actor.user_id == incident.commander_id
        if (
            severities.worse(before, severity)
            and not commands
            and not permissions.allowed(actor, Verb.LOWER_SEVERITY, incident)
        ):
            who = f"{incident.commander} commands" if incident.commander else "nobody commands yet"
            raise NotCommander(
                f"Only the commander lowers the severity of {incident.name}, and {who}: take command first."
            )
        incident.severity = severity
        save(incident, now, "severity")
        updates.plan(incident=incident, now=now)
        payload = {"before": int(before), "after": int(severity), "reason": reason}
        record(incident, TimelineKind.SEVERITY_CHANGED, Verb.CHANGE_SEVERITY, actor, now, payload)
        if severities.worse(severity, before) and severities.pages(severity) and incident.is_open:
            # Who answered a ticket at noon did not answer the outage of the night. A person who raises it is there.
            answered = incident.state != State.OPEN and (
                not severities.pages(before) or incident.snoozed_until is not None
            )
            if actor.user_id is None and answered:
                end_answer(incident=incident, reason=f"it was for SEV{before}, and SEV{severity} pages", now=now)
                paging.begin(incident=incident, now=now)
            else:
                paging.raised(incident=incident, now=now)
        if incident.state == State.ACKNOWLEDGED and incident.snoozed_until is None:
            incident.answer_until = answers.held_until(incident=incident, since=now)
            save(incident, now, "answer_until")
    return incident


def take_command(*, incident: Incident, actor: Actor, now: datetime) -> Incident:
    """The actor commands from now on."""
    with transaction.atomic():
        incident = locked(incident)
        permissions.require(actor, Verb.TAKE_ROLE, incident)
        if incident.commander_id != actor.user_id:
            incident.commander_id = actor.user_id
            save(incident, now, "commander")
            payload = {"sentence": f"{actor.name} commands", "role": "commander"}
            record(incident, TimelineKind.ROLE_TAKEN, Verb.TAKE_ROLE, actor, now, payload)
    return incident


def set_impact_start(*, incident: Incident, at: datetime, actor: Actor, now: datetime) -> Incident:
    """Correct when the users began to be hurt: MTTD and MTTR count from there (R26)."""
    check_impact(at, now)
    with transaction.atomic():
        incident = locked(incident)
        permissions.require(actor, Verb.NOTE, incident)
        before, incident.impact_started_at = incident.impact_started_at, at
        save(incident, now, "impact_started_at")
        was = "not known" if before is None else before.isoformat()
        payload = {"text": f"Impact start set to {at.isoformat()} (was {was})"}
        record(incident, TimelineKind.NOTE, Verb.NOTE, actor, now, payload)
    return incident


def add_note(*, incident: Incident, text: str, actor: Actor, now: datetime) -> TimelineEntry:
    """A line of a person's own in the timeline."""
    permissions.require(actor, Verb.NOTE, incident)
    with transaction.atomic():
        entry = write_timeline(
            incident=incident, kind=TimelineKind.NOTE, now=now, actor=actor, payload={"text": text.strip()}
        )
        Incident.objects.filter(pk=incident.pk).update(changed_at=now)
        audit.record(actor=actor, verb=Verb.NOTE, obj=incident, now=now, payload={"entry": entry.pk})
    return entry
