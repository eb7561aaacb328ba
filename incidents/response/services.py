"""Every change of an incident: who may, what follows, and its line in the timeline and the audit log.

Each function locks the incident's row, decides by lifecycle.py and returns the incident as it is now. A move that has
already happened returns it unchanged; a move that is not allowed raises MoveRefused, an actor who may not NotAllowed.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta

from django.db import transaction

from incidents.learning import services as learning
from incidents.paging import services as paging
from incidents.paging.services import LinkVerdict
from incidents.response import severity as severities
from incidents.response.lifecycle import Move, MoveReason, ResolveReason, State, decide
from incidents.response.models import Incident, IncidentCounter, TimelineEntry
from incidents.response.queries import answers
from incidents.response.severity import Severity
from incidents.response.timeline import TimelineKind
from observability.core import audit, permissions
from observability.core.models import Organisation
from observability.core.permissions import Actor, Verb
from observability.core.refusals import Refused
from sloengine.catalog.models import Service

log = logging.getLogger(__name__)

#: An incident whose alerts have all been quiet for this long is over, where no route says otherwise.
RESOLVE_AFTER = timedelta(minutes=5)


class MoveRefused(Refused):
    """The incident is in a state from which this cannot be done; the message says so to the person who tried."""

    def __init__(self, incident: Incident, move: Move, reason: MoveReason) -> None:
        super().__init__(f"{incident.name} cannot be changed ({move}): {reason}.")


def open_incident(
    *,
    organisation: Organisation,
    service: Service | None,
    title: str,
    severity: Severity,
    actor: Actor,
    now: datetime,
    group_key: str = "",
    impact_started_at: datetime | None = None,
    detected_at: datetime | None = None,
    reason: str = "",
    drill: bool = False,
    policy_slug: str = "",
    resolve_after: timedelta = RESOLVE_AFTER,
) -> Incident:
    """A new incident with the organisation's next number. Without a group key it groups with nothing.

    `policy_slug`: the escalation policy that a route chose; it resolves when its alerts were quiet for `resolve_after`.
    """
    with transaction.atomic():
        number = _next_number(organisation)
        incident = Incident.objects.create(
            organisation=organisation,
            number=number,
            service=service,
            group_key=group_key or f"declared:{number}",
            title=title[:300],
            severity=severity,
            impact_started_at=impact_started_at,
            detected_at=detected_at or now,
            opened_at=now,
            changed_at=now,
            declared_by_id=actor.user_id,
            simulated=service.simulated if service is not None else False,
            drill=drill,
            policy_slug=policy_slug,
            resolve_seconds=int(resolve_after.total_seconds()),
        )
        write_timeline(
            incident=incident,
            kind=TimelineKind.OPENED,
            now=now,
            actor=actor,
            payload={"title": incident.title, "severity": int(severity), "reason": reason},
        )
        audit.record(actor=actor, verb="open_incident", obj=incident, now=now, payload={"number": number})
    return incident


def declare(
    *,
    organisation: Organisation,
    title: str,
    severity: Severity,
    actor: Actor,
    now: datetime,
    service: Service | None = None,
    impact_started_at: datetime | None = None,
) -> Incident:
    """Anyone may declare an incident without an alert (R22). SEV1 and SEV2 page at once; later alerts of its service join."""
    permissions.require(actor, Verb.DECLARE, service if service is not None else organisation)
    with transaction.atomic():
        incident = open_incident(
            organisation=organisation,
            service=service,
            title=title,
            severity=severity,
            actor=actor,
            now=now,
            impact_started_at=impact_started_at or now,
            reason="declared by hand",
        )
        if severities.pages(severity):
            paging.begin(incident=incident, now=now)
    return incident


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
        incident.acknowledged_by_id = actor.user_id
        incident.commander_id = incident.commander_id or actor.user_id
        if missing:
            incident.state = State.OPEN.value
            through = f"{through}; {missing} more to answer"
        else:
            incident.answer_until = answers.held_until(incident=incident, since=now)
            paging.acknowledged(incident=incident, by=actor.name, now=now)
        _save(incident, now, "acknowledged_at", "acknowledged_by", "commander", "answer_until")
        _record(incident, TimelineKind.ACKNOWLEDGED, Verb.ACKNOWLEDGE, actor, now, {"through": through})
    return incident


def mitigate(*, incident: Incident, actor: Actor, now: datetime, reason: str = "") -> Incident:
    """The users are no longer hurt, whatever the cause. It answers the page too."""
    with transaction.atomic():
        incident, changes = _move(incident, Move.MITIGATE, Verb.MITIGATE, actor, now)
        if not changes:
            return incident
        incident.mitigated_at = now
        incident.acknowledged_at = incident.acknowledged_at or now
        incident.acknowledged_by_id = incident.acknowledged_by_id or actor.user_id
        _save(incident, now, "mitigated_at", "acknowledged_at", "acknowledged_by")
        paging.cancel(incident=incident, reason=f"mitigated by {actor.name}", now=now)
        _record(incident, TimelineKind.MITIGATED, Verb.MITIGATE, actor, now, {"reason": reason})
    return incident


def resolve(
    *,
    incident: Incident,
    actor: Actor,
    now: datetime,
    reason: str = ResolveReason.BY_HAND.value,
    mitigated_at: datetime | None = None,
) -> Incident:
    """It is over: those who were paged hear it, and the postmortem is drafted. `mitigated_at`: where known to be earlier."""
    with transaction.atomic():
        incident, changes = _move(incident, Move.RESOLVE, Verb.RESOLVE, actor, now)
        if not changes:
            return incident
        incident.resolved_at = now
        incident.resolved_reason = reason[:64]
        incident.mitigated_at = incident.mitigated_at or mitigated_at or now
        incident.quiet_since = None
        _save(incident, now, "resolved_at", "resolved_reason", "mitigated_at", "quiet_since")
        _record(incident, TimelineKind.RESOLVED, Verb.RESOLVE, actor, now, {"reason": reason})
        paging.resolved(incident=incident, now=now)
        _draft(incident, now)
    return incident


def reopen(*, incident: Incident, actor: Actor, now: datetime, reason: str = "") -> Incident:
    """It is not over after all. People are paged anew as the severity asks."""
    with transaction.atomic():
        incident, changes = _move(incident, Move.REOPEN, Verb.REOPEN, actor, now)
        if not changes:
            return incident
        rivals = Incident.objects.unresolved().filter(organisation=incident.organisation, group_key=incident.group_key)
        if rivals.exclude(pk=incident.pk).exists():
            raise MoveRefused(incident, Move.REOPEN, MoveReason.ANOTHER)
        incident.mitigated_at = incident.resolved_at = None
        incident.resolved_reason = ""
        _save(incident, now, "mitigated_at", "resolved_at", "resolved_reason")
        _record(incident, TimelineKind.REOPENED, Verb.REOPEN, actor, now, {"reason": reason})
        if severities.pages(Severity(incident.severity)) or incident.escalation_run:
            paging.begin(incident=incident, now=now)
    return incident


def change_severity(
    *, incident: Incident, severity: Severity, actor: Actor, now: datetime, reason: str = ""
) -> Incident:
    """Set the severity. Worse: those who were told hear it, and where nobody was, SEV1 and SEV2 page."""
    with transaction.atomic():
        incident = _locked(incident)
        permissions.require(actor, Verb.CHANGE_SEVERITY, incident)
        before = Severity(incident.severity)
        if before == severity:
            return incident
        incident.severity = severity
        _save(incident, now, "severity")
        payload = {"before": int(before), "after": int(severity), "reason": reason}
        _record(incident, TimelineKind.SEVERITY_CHANGED, Verb.CHANGE_SEVERITY, actor, now, payload)
        if severities.worse(severity, before) and severities.pages(severity) and incident.is_open:
            # Who answered a ticket at noon did not answer the outage of the night. A person who raises it is there.
            if actor.user_id is None and incident.state != State.OPEN and not severities.pages(before):
                _end_answer(incident, before, now)
                paging.begin(incident=incident, now=now)
            else:
                paging.raised(incident=incident, now=now)
        if incident.state == State.ACKNOWLEDGED:
            incident.answer_until = answers.held_until(incident=incident, since=now)
            _save(incident, now, "answer_until")
    return incident


def _end_answer(incident: Incident, before: Severity, now: datetime) -> None:
    incident.state = State.OPEN.value
    incident.acknowledged_at = incident.acknowledged_by = incident.mitigated_at = None
    _save(incident, now, "acknowledged_at", "acknowledged_by", "mitigated_at")
    payload = {"reason": f"it was for SEV{before}, and SEV{incident.severity} pages"}
    write_timeline(incident=incident, kind=TimelineKind.ACK_EXPIRED, now=now, payload=payload)


def expire_answers(*, now: datetime) -> int:
    """End acknowledgements that nobody was seen to work on for as long as the policy allows, and page anew; how many ended."""
    ended = 0
    for pk in answers.due(now=now):
        try:
            ended += _expire(pk, now)
        except Exception:
            # It is still due: the next beat tries again, and the others are ended now.
            log.exception("the acknowledgement of incident %s could not be ended", pk)
    return ended


def _expire(pk: int, now: datetime) -> bool:
    with transaction.atomic():
        incident = answers.claim(pk=pk, now=now)
        if incident is None:
            return False
        renewed = answers.renewed_until(incident=incident)
        if renewed is None or renewed > now:
            incident.answer_until = renewed
            incident.save(update_fields=["answer_until"])
            return False
        incident.state, incident.answer_until = State.OPEN.value, None
        _save(incident, now, "answer_until")
        reason = f"no sign of life from {incident.acknowledged_by or 'anyone'} for too long"
        write_timeline(incident=incident, kind=TimelineKind.ACK_EXPIRED, now=now, payload={"reason": reason})
        paging.begin(incident=incident, now=now)
    return True


def page(*, incident: Incident, now: datetime) -> Incident:
    """Begin telling people about an open incident, once: a second call changes nothing."""
    with transaction.atomic():
        incident = _locked(incident)
        if incident.state == State.OPEN and not incident.escalation_run:
            paging.begin(incident=incident, now=now)
            _save(incident, now)
    return incident


def take_command(*, incident: Incident, actor: Actor, now: datetime) -> Incident:
    """The actor commands from now on."""
    with transaction.atomic():
        incident = _locked(incident)
        permissions.require(actor, Verb.TAKE_ROLE, incident)
        if incident.commander_id != actor.user_id:
            incident.commander_id = actor.user_id
            _save(incident, now, "commander")
            payload = {"sentence": f"{actor.name} commands", "role": "commander"}
            _record(incident, TimelineKind.ROLE_TAKEN, Verb.TAKE_ROLE, actor, now, payload)
    return incident


def set_impact_start(*, incident: Incident, at: datetime, actor: Actor, now: datetime) -> Incident:
    """Correct when the users began to be hurt: MTTD and MTTR count from there (R26)."""
    with transaction.atomic():
        incident = _locked(incident)
        permissions.require(actor, Verb.NOTE, incident)
        before, incident.impact_started_at = incident.impact_started_at, at
        _save(incident, now, "impact_started_at")
        was = "not known" if before is None else before.isoformat()
        payload = {"text": f"Impact start set to {at.isoformat()} (was {was})"}
        _record(incident, TimelineKind.NOTE, Verb.NOTE, actor, now, payload)
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


def acknowledge_by_link(*, token: str, now: datetime) -> tuple[LinkVerdict, Incident | None]:
    """Acknowledge as the person to whom the link was sent; the verdict says why nothing was done, where so."""
    with transaction.atomic():
        verdict, link = paging.find_link(token=token, now=now, lock=True)
        if verdict is not LinkVerdict.GOOD or link is None:
            return verdict, link.page.incident if link is not None else None
        actor = permissions.holder(link.user, link.page.incident.organisation)
        incident = link.page.incident
        if incident.state != State.RESOLVED:
            incident = acknowledge(incident=incident, actor=actor, now=now, through=f"link of page {link.page_id}")
        link.used_at = now
        link.save(update_fields=["used_at"])
    return verdict, incident


def write_timeline(
    *,
    incident: Incident,
    kind: TimelineKind,
    now: datetime,
    actor: Actor | None = None,
    payload: Mapping[str, object] | None = None,
) -> TimelineEntry:
    """Append to the timeline; without an actor it is Tailwatch itself."""
    return TimelineEntry.objects.write(incident=incident, kind=kind, at=now, actor=actor, payload=payload)


#: What a page's button and the REST interface name by one word.
MOVES: dict[str, Callable[..., Incident]] = {
    "acknowledge": acknowledge,
    "mitigate": mitigate,
    "resolve": resolve,
    "reopen": reopen,
    "command": take_command,
}


def _locked(incident: Incident) -> Incident:
    # NO KEY UPDATE: rows that refer to the incident may still be written by others.
    rows = Incident.objects.select_for_update(no_key=True, of=("self",))
    return rows.select_related("organisation", "service").get(pk=incident.pk)


def _move(incident: Incident, move: Move, verb: Verb, actor: Actor, now: datetime) -> tuple[Incident, bool]:
    incident = _locked(incident)
    permissions.require(actor, verb, incident)
    decision = decide(State(incident.state), move)
    if not decision.allowed:
        raise MoveRefused(incident, move, decision.reason)
    incident.state = decision.state.value
    return incident, decision.changes


def _save(incident: Incident, now: datetime, *fields: str) -> None:
    incident.changed_at = now
    incident.save(update_fields=["state", "changed_at", *fields])


def _record(
    incident: Incident, kind: TimelineKind, verb: Verb, actor: Actor, now: datetime, payload: Mapping[str, object]
) -> None:
    write_timeline(incident=incident, kind=kind, now=now, actor=actor, payload=payload)
    audit.record(actor=actor, verb=verb, obj=incident, now=now, payload=payload)


def _next_number(organisation: Organisation) -> int:
    IncidentCounter.objects.get_or_create(organisation=organisation)
    counter = IncidentCounter.objects.select_for_update(no_key=True).get(organisation=organisation)
    counter.last_number += 1
    counter.save(update_fields=["last_number"])
    return counter.last_number


def _draft(incident: Incident, now: datetime) -> None:
    """The draft must never keep an incident open: what goes wrong with it is logged and told in the timeline."""
    try:
        with transaction.atomic():
            learning.draft_postmortem(incident=incident, now=now)
    except Exception as error:
        log.exception("%s: the postmortem could not be drafted", incident.name)
        payload = {"text": f"The postmortem could not be drafted: {error}"}
        write_timeline(incident=incident, kind=TimelineKind.NOTE, now=now, payload=payload)
