"""What a timeline may hold, and how an entry reads.

The kinds are a closed list shared by all of Tailwatch (REQUIREMENTS R22 to R25 are written from it); later work adds
a kind here and nowhere else. `sentence()` turns an entry into one line for the page and the postmortem.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import StrEnum


class TimelineKind(StrEnum):
    """The closed list of things that happen to an incident."""

    OPENED = "opened"
    ALERT_JOINED = "alert_joined"
    DECIDED = "decided"
    DIAGNOSED = "diagnosed"
    SEVERITY_CHANGED = "severity_changed"
    PAGED = "paged"
    DELIVERY_FAILED = "delivery_failed"
    ESCALATED = "escalated"
    ACKNOWLEDGED = "acknowledged"
    ACK_EXPIRED = "ack_expired"
    RESPONDER_ADDED = "responder_added"
    ROLE_TAKEN = "role_taken"
    HANDED_OVER = "handed_over"
    ACTION_PROPOSED = "action_proposed"
    ACTION_APPROVED = "action_approved"
    ACTION_REFUSED = "action_refused"
    ACTION_RAN = "action_ran"
    ACTION_VERIFIED = "action_verified"
    STATUS_UPDATE = "status_update"
    CHANGE_SEEN = "change_seen"
    MITIGATED = "mitigated"
    RESOLVED = "resolved"
    REOPENED = "reopened"
    MERGED = "merged"
    SPLIT = "split"
    SNOOZED = "snoozed"
    RUNBOOK = "runbook"
    NOTE = "note"
    POSTMORTEM_DRAFTED = "postmortem_drafted"
    POSTMORTEM_PUBLISHED = "postmortem_published"


LABELS: Mapping[TimelineKind, str] = {kind: kind.value.replace("_", " ").capitalize() for kind in TimelineKind}

Payload = Mapping[str, object]


def _text(payload: Payload, key: str, missing: str = "") -> str:
    value = payload.get(key)
    return missing if value is None or value == "" else str(value)


def _because(payload: Payload) -> str:
    reason = _text(payload, "reason")
    return f": {reason}" if reason else ""


def _severity_changed(payload: Payload) -> str:
    before, after = _text(payload, "before", "?"), _text(payload, "after", "?")
    return f"Severity changed from SEV{before} to SEV{after}{_because(payload)}"


def _alert_joined(payload: Payload) -> str:
    verb = "cleared" if payload.get("state") == "cleared" else "joined"
    count = payload.get("count")
    if isinstance(count, int) and count > 1:
        return f"{count:,} alerts {verb}, such as: {_text(payload, 'title')}{_bracket(payload, 'reason')}"
    return f"Alert {verb}: {_text(payload, 'title', _text(payload, 'fingerprint'))}{_bracket(payload, 'reason')}"


def _bracket(payload: Payload, key: str) -> str:
    value = _text(payload, key)
    return f" ({value})" if value else ""


def _runbook(payload: Payload) -> str:
    slug = _text(payload, "runbook", "?")
    match payload.get("what"):
        case "opened":
            return f"Runbook opened: {_text(payload, 'title', slug)}"
        case "asked":
            return f"Checks of the runbook {slug} asked again"
        case "checked":
            return f"Checks of the runbook {slug}: {_text(payload, 'said')}"
        case what:
            return f"Step {_text(payload, 'number')} {what}: {_text(payload, 'text')}"


def _status_update(payload: Payload) -> str:
    if payload.get("audience") == "public":
        return f"Published, {_text(payload, 'phase')}: {_text(payload, 'headline')}: {_text(payload, 'text')}"
    return f"Told inside: {_text(payload, 'text')}"


_SENTENCES: Mapping[TimelineKind, Callable[[Payload], str]] = {
    TimelineKind.OPENED: lambda p: f"Opened: {_text(p, 'title', 'an incident')}{_bracket(p, 'reason')}",
    TimelineKind.ALERT_JOINED: _alert_joined,
    TimelineKind.DIAGNOSED: lambda p: _text(p, "headline", f"Diagnosed: {_text(p, 'title', _text(p, 'leaf', 'done'))}"),
    TimelineKind.SEVERITY_CHANGED: _severity_changed,
    TimelineKind.PAGED: lambda p: (
        f"Paged {_text(p, 'user', 'nobody')} through {_text(p, 'channel', 'a pager')}{_bracket(p, 'reason')}"
    ),
    TimelineKind.DELIVERY_FAILED: lambda p: f"Not delivered to {_text(p, 'user', 'anyone')}{_because(p)}",
    TimelineKind.ESCALATED: lambda p: f"Escalated to {_text(p, 'user', 'nobody')}{_because(p)}",
    TimelineKind.ACKNOWLEDGED: lambda p: f"Acknowledged{_bracket(p, 'through')}",
    TimelineKind.ACK_EXPIRED: lambda p: f"The acknowledgement ended{_because(p)}",
    TimelineKind.RESPONDER_ADDED: lambda p: f"{_text(p, 'user', 'Somebody')} was asked to join{_because(p)}",
    TimelineKind.ROLE_TAKEN: lambda p: _text(p, "sentence", f"A role was taken{_because(p)}"),
    TimelineKind.HANDED_OVER: lambda p: _text(p, "sentence", f"A role was handed over{_because(p)}"),
    TimelineKind.STATUS_UPDATE: _status_update,
    TimelineKind.MERGED: lambda p: _text(p, "sentence", f"Merged{_because(p)}"),
    TimelineKind.SPLIT: lambda p: _text(p, "sentence", f"Split{_because(p)}"),
    TimelineKind.SNOOZED: lambda p: _text(p, "sentence", f"Snoozed{_because(p)}"),
    TimelineKind.MITIGATED: lambda p: f"Mitigated{_because(p)}",
    TimelineKind.RESOLVED: lambda p: f"Resolved{_because(p)}",
    TimelineKind.REOPENED: lambda p: f"Reopened{_because(p)}",
    TimelineKind.RUNBOOK: _runbook,
    TimelineKind.NOTE: lambda p: _text(p, "text", "Note"),
    TimelineKind.POSTMORTEM_DRAFTED: lambda p: "Postmortem drafted",
    TimelineKind.POSTMORTEM_PUBLISHED: lambda p: "Postmortem published",
}


def sentence(*, kind: TimelineKind, payload: Payload) -> str:
    """One line for an entry: (paged, {"user": "Ana", "channel": "phone"}) → "Paged Ana through phone"."""
    write = _SENTENCES.get(kind)
    if write is not None:
        return write(payload)
    detail = _text(payload, "sentence") or _text(payload, "text") or _text(payload, "title")
    return f"{LABELS[kind]}: {detail}" if detail else f"{LABELS[kind]}{_because(payload)}"
