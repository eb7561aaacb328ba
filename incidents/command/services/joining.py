"""Two incidents that are one, and one that is two."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from django.db import transaction

from incidents.alerts import queries as alert_queries
from incidents.alerts.grouping import quiet_since
from incidents.alerts.models import Alert
from incidents.response import services as response
from incidents.response import severity as severities
from incidents.response.models import Incident
from incidents.response.severity import Severity
from incidents.response.timeline import TimelineKind
from observability.core import audit, permissions
from observability.core.permissions import Actor, Verb
from observability.core.refusals import Refused


class MergeRefused(Refused):
    """These cannot be merged; the message says why."""


class SplitRefused(Refused):
    """It cannot be split so; the message says why."""


def merge(*, incident: Incident, into: Incident, actor: Actor, now: datetime, because: str = "") -> Incident:
    """`into` swallows `incident`: its alerts and the earlier impact start go over, its paging ends, and both say so.

    Later alerts of its cause join `into`. The worse severity of the two counts. Returns `into`.
    """
    if incident.organisation_id != into.organisation_id:
        raise MergeRefused("Incidents of two organisations stay apart.")
    if incident.pk == into.pk:
        raise MergeRefused(f"{incident.name} cannot be merged into itself.")
    with transaction.atomic():
        # Always in the order of their numbers: two people who merge them into each other do not wait for each other.
        both = {one.pk: response.locked(one) for one in sorted((incident, into), key=lambda one: one.pk)}
        incident, into = both[incident.pk], both[into.pk]
        permissions.require(actor, Verb.MERGE, incident)
        permissions.require(actor, Verb.MERGE, into)
        for one in (incident, into):
            if not one.is_open:
                raise MergeRefused(f"{one.name} is resolved: only what is open is merged.")
        moved = Alert.objects.filter(incident=incident).update(incident=into)
        incident.swallowed.update(merged_into=into)
        # By the system: who may merge need not be the one who may resolve.
        system = permissions.system(incident.organisation, actor.name)
        response.resolve(incident=incident, actor=system, now=now, reason=f"merged into {into.name}", merged_into=into)
        said = f": {because}" if because else ""
        payload = {"sentence": f"{incident.name} was merged into {into.name}{said}", "alerts": moved}
        for one in (incident, into):
            response.write_timeline(incident=one, kind=TimelineKind.MERGED, now=now, actor=actor, payload=payload)
            audit.record(actor=actor, verb=Verb.MERGE, obj=one, now=now, payload=payload)
        starts = [one.impact_started_at for one in (incident, into) if one.impact_started_at is not None]
        into.impact_started_at = min(starts, default=None)
        into.detected_at = min(incident.detected_at, into.detected_at)
        _note_quiet(into)
        into.changed_at = now
        into.save(update_fields=["impact_started_at", "detected_at", "quiet_since", "changed_at"])
        worse = Severity(incident.severity)
        if severities.worse(worse, Severity(into.severity)):
            into = response.change_severity(
                incident=into, severity=worse, actor=actor, now=now, reason=f"{incident.name} was merged into it"
            )
    return into


def split(*, incident: Incident, alerts: Sequence[int], title: str, actor: Actor, now: datetime) -> Incident:
    """A new incident with these alerts of `incident`, of the same severity, commanded by the same person; returns the new one."""
    title = title.strip()
    if not title:
        raise SplitRefused("The new incident needs a title.")
    with transaction.atomic():
        incident = response.locked(incident)
        permissions.require(actor, Verb.MERGE, incident)
        if not incident.is_open:
            raise SplitRefused(f"{incident.name} is resolved: only what is open is split.")
        mine = list(Alert.objects.filter(incident=incident).order_by("starts_at", "pk"))
        chosen = [alert for alert in mine if alert.pk in set(alerts)]
        if len(chosen) != len(set(alerts)) or not chosen:
            raise SplitRefused(f"Choose alerts that belong to {incident.name}.")
        if len(chosen) == len(mine):
            raise SplitRefused(f"{incident.name} would be left without an alert: leave at least one.")
        services = {alert.service_id for alert in chosen}
        part = response.open_incident(
            organisation=incident.organisation,
            service=chosen[0].service if len(services) == 1 else None,
            title=title,
            severity=Severity(incident.severity),
            actor=actor,
            now=now,
            impact_started_at=chosen[0].starts_at,
            detected_at=chosen[0].starts_at,
            reason=f"split from {incident.name}",
            drill=incident.drill,
        )
        Alert.objects.filter(pk__in=[alert.pk for alert in chosen]).update(incident=part)
        part.split_from, part.simulated = incident, incident.simulated
        for one in (part, incident):
            _note_quiet(one)
            one.changed_at = now
            one.save(update_fields=["split_from", "simulated", "quiet_since", "changed_at"])
        payload = {"sentence": f"{part.name} was split from {incident.name}", "alerts": len(chosen)}
        for one in (part, incident):
            response.write_timeline(incident=one, kind=TimelineKind.SPLIT, now=now, actor=actor, payload=payload)
            audit.record(actor=actor, verb=Verb.MERGE, obj=one, now=now, payload=payload)
        if incident.acknowledged_at is not None:
            # Whoever answered the whole has answered its part.
            part = response.acknowledge(incident=part, actor=actor, now=now, through=f"split from {incident.name}")
        elif severities.pages(Severity(part.severity)):
            part = response.page(incident=part, now=now)
    return part


def _note_quiet(incident: Incident) -> None:
    incident.quiet_since = quiet_since(alert_queries.held(incident=incident))
