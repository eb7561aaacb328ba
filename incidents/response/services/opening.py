"""An incident begins: by an alert, or because somebody declares it."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db import transaction

from incidents.drills import queries as drills
from incidents.paging import services as paging
from incidents.response import severity as severities
from incidents.response.lifecycle import State
from incidents.response.models import Incident, IncidentCounter
from incidents.response.services.rows import (
    check_impact,
    locked,
    save,
    write_timeline,
)
from incidents.response.severity import Severity
from incidents.response.timeline import TimelineKind
from incidents.updates import services as updates
from observability.core import audit, permissions
from observability.core.models import Organisation
from observability.core.permissions import Actor, Verb
from sloengine.catalog.models import Service

#: An incident whose alerts have all been quiet for this long is over, where no route says otherwise.
RESOLVE_AFTER = timedelta(minutes=5)


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

    What opens for a simulated service while a drill runs, or just after, is the drill's.
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
            drill=drill or drills.covers(organisation_id=organisation.pk, service=service, now=now),
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
        updates.plan(incident=incident, now=now)
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
    check_impact(impact_started_at, now)
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


def page(*, incident: Incident, now: datetime) -> Incident:
    """Begin telling people about an open incident, once: a second call changes nothing."""
    with transaction.atomic():
        incident = locked(incident)
        if incident.state == State.OPEN and not incident.escalation_run:
            paging.begin(incident=incident, now=now)
            save(incident, now)
    return incident


def _next_number(organisation: Organisation) -> int:
    IncidentCounter.objects.get_or_create(organisation=organisation)
    counter = IncidentCounter.objects.select_for_update(no_key=True).get(organisation=organisation)
    counter.last_number += 1
    counter.save(update_fields=["last_number"])
    return counter.last_number
