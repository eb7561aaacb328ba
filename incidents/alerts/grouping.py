"""One cause, one incident: which incident an alert belongs to, and why.

What a service suffers at one time is taken for one cause, whichever of its objectives say so: the alert of a service
joins the incident that is open for it, and reopens one that was resolved a moment ago. A source that cannot be read is
a cause of its own, and information opens nothing. A route may group by labels of its choice, and an alert from outside that
concerns no known service is grouped by its name: a storm of them is one incident.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

#: What fires again within this time after its incident was resolved is the same trouble.
REOPEN_WITHIN = timedelta(minutes=10)
#: An incident whose alerts have all been quiet for this long is over.
RESOLVE_AFTER = timedelta(minutes=5)


class Placement(StrEnum):
    """Where an alert goes."""

    OPEN = "open"
    JOIN = "join"
    REOPEN = "reopen"
    KEEP = "keep"


class Reason(StrEnum):
    """Why it goes there; kept with the alert and written into the timeline."""

    FIRST = "opened: nothing else is open for this service"
    FIRST_BLIND = "opened: a source cannot be read"
    FIRST_ALONE = "opened: it concerns no service"
    SAME_SERVICE = "joined: same service, still open"
    SAME_SOURCE = "joined: same source, still unreadable"
    SAME_FINDING = "joined: same finding, still open"
    SAME_GROUP = "joined: same group, still open"
    FIRST_OF_GROUP = "opened: nothing else is open for its group"
    STORM = "joined: they came together"
    WAITS = "waits: others of its group may follow"
    DROPPED = "kept: its route drops it"
    AGAIN = "reopened: same cause, resolved a moment ago"
    NOT_MITIGATED = "reopened: it fires again after it was mitigated"
    INFORMATION = "kept: information opens no incident"
    OVER = "kept: it was over before it was read"


@dataclass(frozen=True, slots=True)
class Signal:
    """What grouping needs to know of an alert."""

    kind: str
    urgency: str
    fingerprint: str
    service_id: int | None
    firing: bool = True
    labels: Mapping[str, str] = field(default_factory=dict)
    #: Labels of the route's choice; None: by service.
    group_by: tuple[str, ...] | None = None
    #: The sender's own group, where its integration takes groups whole.
    group: str = ""


@dataclass(frozen=True, slots=True)
class Candidate:
    """An incident that might take it; `resolved_at` None means that it is not resolved.

    `calm`: somebody said that it is mitigated, and all of its alerts agree.
    """

    incident_id: int
    resolved_at: datetime | None
    calm: bool = False


@dataclass(frozen=True, slots=True)
class Place:
    """The decision, with the incident where there is one."""

    placement: Placement
    reason: Reason
    incident_id: int | None = None


def group_key(signal: Signal) -> str:
    """The cause that an alert speaks of: ("burn", service 12) → "service:12"; ("blind", f) → "blind:f".

    Grouped by (region, node) → "labels:region=eu,node=n1"; of no service, from outside → "name:NodeDown".
    """
    if signal.kind == "blind":
        return f"blind:{signal.fingerprint}"
    if signal.group_by is not None:
        return _short("labels:" + ",".join(f"{name}={signal.labels.get(name, '')}" for name in signal.group_by))
    if signal.service_id is not None:
        return f"service:{signal.service_id}"
    if signal.group:
        return _short(f"group:{signal.group}")
    name = signal.labels.get("alertname", "")
    return _short(f"name:{name}") if name else f"finding:{signal.fingerprint}"


def _short(key: str) -> str:
    """A key that a column holds: a long one keeps its beginning, and a hash tells it from others."""
    return key if len(key) <= 250 else f"{key[:200]}…{hashlib.blake2b(key.encode(), digest_size=16).hexdigest()}"


def place(
    *, signal: Signal, candidates: Sequence[Candidate], now: datetime, reopen_within: timedelta = REOPEN_WITHIN
) -> Place:
    """Where the alert goes, given the incidents of its cause (unresolved ones and those resolved lately).

    Open incident 4 of the service → join 4. Resolved 8 minutes ago → reopen it; 11 minutes ago → open a new one.
    Mitigated and quiet: nobody looks at it any more, so what asks for a page reopens it.
    """
    unresolved = [candidate for candidate in candidates if candidate.resolved_at is None]
    if unresolved:
        # The lowest id is the first that was opened: what was declared later by hand does not draw alerts away.
        first = min(unresolved, key=lambda candidate: candidate.incident_id)
        if first.calm and signal.firing and signal.urgency == "page":
            return Place(Placement.REOPEN, Reason.NOT_MITIGATED, first.incident_id)
        return Place(Placement.JOIN, _joined(signal), first.incident_id)
    if not signal.firing:
        return Place(Placement.KEEP, Reason.OVER)
    if signal.urgency == "info":
        return Place(Placement.KEEP, Reason.INFORMATION)
    recent = [
        (candidate.resolved_at, candidate.incident_id)
        for candidate in candidates
        if candidate.resolved_at is not None and now - candidate.resolved_at <= reopen_within
    ]
    if recent:
        return Place(Placement.REOPEN, Reason.AGAIN, max(recent)[1])
    return Place(Placement.OPEN, _first(signal))


def _joined(signal: Signal) -> Reason:
    if signal.kind == "blind":
        return Reason.SAME_SOURCE
    if _by_group(signal):
        return Reason.SAME_GROUP
    return Reason.SAME_SERVICE if signal.service_id is not None else Reason.SAME_FINDING


def _first(signal: Signal) -> Reason:
    if signal.kind == "blind":
        return Reason.FIRST_BLIND
    if _by_group(signal):
        return Reason.FIRST_OF_GROUP
    return Reason.FIRST if signal.service_id is not None else Reason.FIRST_ALONE


def _by_group(signal: Signal) -> bool:
    return group_key(signal).startswith(("labels:", "group:", "name:"))


@dataclass(frozen=True, slots=True)
class Held:
    """An alert of an incident, as far as it matters for the incident's end."""

    urgency: str
    ends_at: datetime | None


def quiet_since(alerts: Iterable[Held]) -> datetime | None:
    """Since when nothing holds the incident open; None while an alert fires or where there never was one.

    Information holds nothing open. Ended 12:00 and 12:04 → 12:04.
    """
    ends = [alert.ends_at for alert in alerts if alert.urgency != "info"]
    if not ends or any(end is None for end in ends):
        return None
    return max(end for end in ends if end is not None)


def explained(*, reason: Reason, incident: str) -> str:
    """The reason with the incident's name: "joined: same service, INC-4 still open"."""
    return reason.value.replace("still", f"{incident} still", 1)
