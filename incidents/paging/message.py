"""What a page says: one JSON object, documented field by field in docs/paging.md."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime

VERSION = 1
WORDS = {
    "resolved": "Resolved",
    "raised": "Now worse",
    "escalated": "Still unanswered",
    "asked": "You are asked to join",
    "reminded": "Update due",
    "acknowledged": "Acknowledged",
}


@dataclass(frozen=True, slots=True)
class Message:
    """Everything a receiver gets. `repeated`: an earlier copy may have arrived; fold it by `dedup_key` and `page`."""

    kind: str
    page: int
    attempt: int
    repeated: bool
    dedup_key: str
    organisation: str
    number: int
    title: str
    headline: str
    severity: int
    state: str
    service: str | None
    leaf: str | None
    confidence: float | None
    impact_started_at: datetime | None
    opened_at: datetime
    resolved_at: datetime | None
    recipient: str
    reason: str
    simulated: bool
    incident_url: str
    runbook_url: str | None
    acknowledge_url: str | None


def text(message: Message) -> str:
    """One line for a small screen: "SEV2 INC-4 chat: chat answers its first token too slowly"."""
    if not message.number:  # about no incident: a test, a code, a shift
        return message.headline
    word = WORDS.get(message.kind)
    head = f"SEV{message.severity} INC-{message.number}"
    what = message.headline or message.title
    where = f" {message.service}" if message.service and not what.startswith(message.service) else ""
    line = f"{head}{where}: {what}"
    return f"{word}: {line}" if word else line


def body(message: Message) -> bytes:
    """The JSON as it is signed and sent: UTF-8, fields in the documented order."""
    document = {
        "version": VERSION,
        "kind": message.kind,
        "page": message.page,
        "attempt": message.attempt,
        "repeated": message.repeated,
        "dedup_key": message.dedup_key,
        "text": text(message),
        "recipient": message.recipient,
        "reason": message.reason,
        "organisation": message.organisation,
        "incident": {
            "number": message.number,
            "title": message.title,
            "headline": message.headline,
            "severity": message.severity,
            "state": message.state,
            "service": message.service,
            "leaf": message.leaf,
            "confidence": message.confidence,
            "impact_started_at": _iso(message.impact_started_at),
            "opened_at": _iso(message.opened_at),
            "resolved_at": _iso(message.resolved_at),
            "simulated": message.simulated,
        },
        "links": {
            "incident": message.incident_url,
            "runbook": message.runbook_url,
            "acknowledge": message.acknowledge_url,
        },
    }
    return json.dumps(document, ensure_ascii=False).encode()


def _iso(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat().replace("+00:00", "Z")
