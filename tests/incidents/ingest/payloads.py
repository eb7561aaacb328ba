"""Requests as senders make them."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

NEVER = "0001-01-01T00:00:00Z"


def alert(
    name: str = "NodeDown", *, since: datetime, until: datetime | None = None, fingerprint: str = "", **labels: str
) -> dict[str, Any]:
    """One alert of Alertmanager's webhook; resolved where it has an end."""
    return {
        "status": "firing" if until is None else "resolved",
        "labels": {"alertname": name, "severity": "critical", **labels},
        "annotations": {"summary": f"{name} of {labels.get('node', 'somewhere')}"},
        "startsAt": since.isoformat(),
        "endsAt": NEVER if until is None else until.isoformat(),
        "generatorURL": "http://prometheus/graph",
        "fingerprint": fingerprint or f"{name}{sorted(labels.items())}"[:40],
    }


def group(*alerts: dict[str, Any], key: str = '{}:{alertname="NodeDown"}', truncated: int = 0) -> dict[str, Any]:
    """The envelope of Alertmanager's webhook v4."""
    firing = any(one["status"] == "firing" for one in alerts)
    return {
        "version": "4",
        "groupKey": key,
        "truncatedAlerts": truncated,
        "status": "firing" if firing else "resolved",
        "receiver": "tailwatch",
        "groupLabels": {},
        "commonLabels": {},
        "commonAnnotations": {},
        "externalURL": "http://alertmanager",
        "alerts": list(alerts),
    }


def posted(name: str = "NodeDown", *, since: datetime, until: datetime | None = None, **labels: str) -> dict[str, Any]:
    """One alert as Prometheus posts it to /api/v2/alerts: an end ahead while it fires."""
    end = until or since + timedelta(minutes=4)
    return {
        "labels": {"alertname": name, "severity": "critical", **labels},
        "annotations": {"summary": name},
        "startsAt": since.isoformat(),
        "endsAt": end.isoformat(),
        "generatorURL": "http://prometheus/graph",
    }


def incident(
    kind: str = "triggered", *, at: datetime, status: str = "", identity: str = "PT4KHLK", **data: Any
) -> dict:
    """PagerDuty's webhook v3."""
    return {
        "event": {
            "id": f"01BX{kind}{at:%H%M%S}",
            "event_type": f"incident.{kind}",
            "resource_type": "incident",
            "occurred_at": at.isoformat(),
            "agent": None,
            "client": None,
            "data": {
                "id": identity,
                "type": "incident",
                "status": status or kind,
                "incident_key": "theirs",
                "title": "A little bump in the road",
                "created_at": at.isoformat(),
                "urgency": "high",
                "service": {"id": "PF9KMXH", "summary": "chat", "type": "service_reference"},
                **data,
            },
        }
    }
