"""From open to resolved and back: acknowledge, mitigate, resolve, reopen."""

from __future__ import annotations

import logging
from datetime import datetime

from django.db import transaction

from incidents.learning import services as learning
from incidents.paging import services as paging
from incidents.response import severity as severities
from incidents.response.lifecycle import Move, MoveReason, ResolveReason, State, decide
from incidents.response.models import Incident
from incidents.response.queries import answers
from incidents.response.services.rows import (
    MoveRefused,
    locked,
    record,
    save,
    write_timeline,
)
from incidents.response.severity import Severity
from incidents.response.timeline import TimelineKind
from incidents.updates import services as updates
from observability.core import permissions
from observability.core.permissions import Actor, Verb

log = logging.getLogger(__name__)


def acknowledge(*, incident: Incident, actor: Actor, now: datetime, through: str = "the web") -> Incident:
    """Somebody is on it: pending pages and escalation end, once as many have answered as the policy asks for.

    The first responder commands until another takes over.
    """
    with transaction.atomic():
        incident, changes = _move(incident, Move.ACKNOWLEDGE, Verb.ACKNOWLEDGE, actor, now)
        if not changes:
            return incident
        missing = paging.answered(incident=incident, user_id=actor.user_id, name=actor.name, now=now)
        incident.acknowledged_at = incident.acknowledged_at or now
        incident.acknowledged_by_id = actor.user_id or (incident.acknowledged_by_id if missing else None)
        incident.commander_id = incident.commander_id or actor.user_id
        if missing:
            incident.state = State.OPEN.value
            through = f"{through}; {missing} more to answer"
        else:
            incident.answer_until = answers.held_until(incident=incident, since=now)
            paging.acknowledged(incident=incident, by=actor.name, now=now)
        save(incident, now, "acknowledged_at", "acknowledged_by", "commander", "answer_until")
        record(incident, TimelineKind.ACKNOWLEDGED, Verb.ACKNOWLEDGE, actor, now, {"through": through})
    return incident


def mitigate(*, incident: Incident, actor: Actor, now: datetime, reason: str = "") -> Incident:
    """The users are no longer hurt, whatever the cause. It answers the page too."""
    with transaction.atomic():
        incident, changes = _move(incident, Move.MITIGATE, Verb.MITIGATE, actor, now)
        if not changes:
            return incident
        unanswered, incident.mitigated_at = incident.acknowledged_at is None, now
        incident.acknowledged_at = incident.acknowledged_at or now
        incident.acknowledged_by_id = incident.acknowledged_by_id or actor.user_id
        incident.snoozed_until = None
        save(incident, now, "mitigated_at", "acknowledged_at", "acknowledged_by", "snoozed_until")
        if unanswered:  # a vendor that still rings hears that somebody is on it
            paging.acknowledged(incident=incident, by=actor.name, now=now)
        else:
            paging.cancel(incident=incident, reason=f"mitigated by {actor.name}", now=now)
        record(incident, TimelineKind.MITIGATED, Verb.MITIGATE, actor, now, {"reason": reason})
    return incident


def resolve(
    *,
    incident: Incident,
    actor: Actor,
    now: datetime,
    reason: str = ResolveReason.BY_HAND.value,
    mitigated_at: datetime | None = None,
    merged_into: Incident | None = None,
) -> Incident:
    """It is over: those who were paged hear it, and the postmortem is drafted. `mitigated_at`: where known to be earlier.

    `merged_into`: it goes on as part of that one, whose postmortem it is.
    """
    with transaction.atomic():
        incident, changes = _move(incident, Move.RESOLVE, Verb.RESOLVE, actor, now)
        if not changes:
            return incident
        incident.resolved_at = now
        incident.resolved_reason = reason[:64]
        incident.mitigated_at = incident.mitigated_at or mitigated_at or now
        incident.quiet_since = incident.snoozed_until = None
        incident.merged_into = merged_into
        save(
            incident,
            now,
            "resolved_at",
            "resolved_reason",
            "mitigated_at",
            "quiet_since",
            "snoozed_until",
            "merged_into",
        )
        record(incident, TimelineKind.RESOLVED, Verb.RESOLVE, actor, now, {"reason": reason})
        paging.resolved(incident=incident, now=now)
        updates.plan(incident=incident, now=now)
        if merged_into is None:
            _draft(incident, now)
    return incident


def reopen(*, incident: Incident, actor: Actor, now: datetime, reason: str = "") -> Incident:
    """It is not over after all. People are paged anew as the severity asks."""
    with transaction.atomic():
        incident, changes = _move(incident, Move.REOPEN, Verb.REOPEN, actor, now)
        if not changes:
            return incident
        if incident.merged_into_id is not None:
            raise MoveRefused(incident, Move.REOPEN, MoveReason.MERGED)
        rivals = Incident.objects.unresolved().filter(organisation=incident.organisation, group_key=incident.group_key)
        if rivals.exclude(pk=incident.pk).exists():
            raise MoveRefused(incident, Move.REOPEN, MoveReason.ANOTHER)
        incident.mitigated_at = incident.resolved_at = None
        incident.resolved_reason = ""
        save(incident, now, "mitigated_at", "resolved_at", "resolved_reason")
        record(incident, TimelineKind.REOPENED, Verb.REOPEN, actor, now, {"reason": reason})
        updates.plan(incident=incident, now=now)
        if severities.pages(Severity(incident.severity)) or incident.escalation_run:
            paging.begin(incident=incident, now=now)
    return incident


def _move(incident: Incident, move: Move, verb: Verb, actor: Actor, now: datetime) -> tuple[Incident, bool]:
    incident = locked(incident)
    permissions.require(actor, verb, incident)
    decision = decide(State(incident.state), move)
    if not decision.allowed:
        raise MoveRefused(incident, move, decision.reason)
    incident.state = decision.state.value
    return incident, decision.changes


def _draft(incident: Incident, now: datetime) -> None:
    """The draft must never keep an incident open: what goes wrong with it is logged and told in the timeline."""
    try:
        with transaction.atomic():
            learning.draft_postmortem(incident=incident, now=now)
    except Exception as error:
        log.exception("%s: the postmortem could not be drafted", incident.name)
        payload = {"text": f"The postmortem could not be drafted: {error}"}
        write_timeline(incident=incident, kind=TimelineKind.NOTE, now=now, payload=payload)
