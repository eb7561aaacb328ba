"""What every change of an incident shares: its row held, saved and written down."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

from incidents.response.lifecycle import Move, MoveReason
from incidents.response.models import Incident, TimelineEntry
from incidents.response.timeline import TimelineKind
from observability.core import audit
from observability.core.permissions import Actor, Verb
from observability.core.refusals import Refused

#: An impact that is said to have begun longer ago is a slip of the keyboard.
LONGEST_IMPACT = timedelta(days=365)


class MoveRefused(Refused):
    """The incident is in a state from which this cannot be done; the message says so to the person who tried."""

    def __init__(self, incident: Incident, move: Move, reason: MoveReason) -> None:
        super().__init__(f"{incident.name} cannot be changed ({move}): {reason}.")


class NotCommander(Refused):
    """Only who commands the incident may call it less severe."""


class ImpactRefused(Refused):
    """The impact cannot have begun then."""


def locked(incident: Incident) -> Incident:
    """The incident as it is now, its row held until the transaction ends."""
    # NO KEY UPDATE: rows that refer to the incident may still be written by others.
    rows = Incident.objects.select_for_update(no_key=True, of=("self",))
    return rows.select_related("organisation", "service").get(pk=incident.pk)


def save(incident: Incident, now: datetime, *fields: str) -> None:
    incident.changed_at = now
    incident.save(update_fields=["state", "changed_at", *fields])


def record(
    incident: Incident, kind: TimelineKind, verb: Verb, actor: Actor, now: datetime, payload: Mapping[str, object]
) -> None:
    write_timeline(incident=incident, kind=kind, now=now, actor=actor, payload=payload)
    audit.record(actor=actor, verb=verb, obj=incident, now=now, payload=payload)


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


def check_impact(at: datetime | None, now: datetime) -> None:
    if at is not None and not now - LONGEST_IMPACT <= at <= now:
        raise ImpactRefused(
            f"The impact start is in the last {LONGEST_IMPACT.days} days and not in the future; {at:%Y-%m-%d %H:%M} UTC is not."
        )
