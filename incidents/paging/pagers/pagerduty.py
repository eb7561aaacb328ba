"""PagerDuty's Events API v2: trigger, acknowledge, resolve, all under the incident's dedup_key.

https://developer.pagerduty.com/docs/send-alert-event: summary up to 1,024 characters, dedup_key up to 255, a body up to
512 KB; 202 is accepted, 400 is never right on another try, 429 and 5xx are. A trigger under a key that is open adds to it.
"""

from __future__ import annotations

from incidents.paging.message import Message, text
from incidents.paging.pagers import base
from incidents.paging.retry import Outcome

_SEVERITY = {1: "critical", 2: "error", 3: "warning", 4: "warning", 5: "info"}
_ACTION = {"acknowledged": "acknowledge", "resolved": "resolve"}


def send(letter: base.Letter, *, transport: base.Transport) -> Outcome:
    return base.post_json(transport=transport, url=letter.url, document=event(letter.message, key=letter.secret))


def event(message: Message, *, key: str) -> dict[str, object]:
    """One event. What PagerDuty needs to page is in `payload`; the rest of what we know is in `custom_details`."""
    action = _ACTION.get(message.kind, "trigger")
    document: dict[str, object] = {"routing_key": key, "event_action": action, "dedup_key": message.dedup_key[:255]}
    if action != "trigger":
        return document
    links = [{"href": message.incident_url, "text": f"INC-{message.number} in Tailwatch"}]
    if message.runbook_url:
        links.append({"href": message.runbook_url, "text": "Runbook"})
    return document | {
        "client": "Tailwatch",
        "client_url": message.incident_url,
        "links": links,
        "payload": {
            "summary": text(message)[:1024],
            "source": message.service or message.organisation,
            "severity": _SEVERITY[message.severity],
            "timestamp": message.opened_at.isoformat(),
            "component": message.service,
            "class": message.leaf,
            "custom_details": {
                "headline": message.headline,
                "leaf": message.leaf,
                "confidence": message.confidence,
                "severity": f"SEV{message.severity}",
                "why you": message.reason,
                "impact since": message.impact_started_at.isoformat() if message.impact_started_at else None,
                "simulated": message.simulated,
            },
        },
    }
