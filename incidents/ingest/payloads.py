"""What senders say, read into reports: Alertmanager v4, Alertmanager's API v2, Grafana, PagerDuty webhooks v3.

A report is one alert at one time. What cannot be read raises Malformed with a sentence; what can be read in part gives the
reports that are good and a sentence for each that is not. Fields that nobody knows are kept in `extra`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

#: More alerts than this in one request are stored raw, but only so many are read.
MOST_ALERTS = 10_000
LONGEST_VALUE = 4000
MOST_LABELS = 100
#: Alertmanager's own resolve_timeout: an alert posted without an end is over when it is not posted again.
RESOLVE_TIMEOUT = timedelta(minutes=5)
#: PagerDuty's incidents that carry our dedup key are our own pages coming back.
OUR_KEY = "tailwatch-"

_WORDS = {
    "page": "critical page error high major fatal emergency alert disaster p1 p2 sev1 sev2",
    "ticket": "warning warn ticket medium minor average low p3 p4 sev3 sev4",
    "info": "info information informational notice none debug p5 sev5",
}
_URGENCY = {word: urgency for urgency, words in _WORDS.items() for word in words.split()}
_ALERT_FIELDS = {"status", "labels", "annotations", "startsAt", "endsAt", "fingerprint"}


class Malformed(ValueError):
    """The payload cannot be read; the message says what was found where, and what was expected."""


@dataclass(frozen=True, slots=True)
class Report:
    """One alert as a sender states it. `ends_at` is set where it is over; `expires_at` where silence will end it."""

    fingerprint: str
    firing: bool
    labels: Mapping[str, str]
    annotations: Mapping[str, str]
    starts_at: datetime
    ends_at: datetime | None = None
    expires_at: datetime | None = None
    group: str = ""
    extra: Mapping[str, Any] = field(default_factory=dict)

    @property
    def title(self) -> str:
        """The summary, else the alert's name, else its labels: what a person reads first."""
        for text in (
            self.annotations.get("summary"),
            self.annotations.get("title"),
            self.annotations.get("description"),
        ):
            if text:
                return text
        name = self.labels.get("alertname")
        return (
            name
            or ", ".join(f"{key}={value}" for key, value in sorted(self.labels.items()))
            or "an alert without a name"
        )


def urgency_of(labels: Mapping[str, str], *, default: str) -> str:
    """page, ticket or info, by the label `severity` (else `priority`); `default` where neither is known."""
    for name in ("severity", "priority"):
        word = labels.get(name, "").lower()
        if word in _URGENCY:
            return _URGENCY[word]
    return default


@dataclass(frozen=True, slots=True)
class Answer:
    """Somebody answered an incident of ours where it was paged: `action` is acknowledge or resolve, `email` "" if not told."""

    dedup_key: str
    action: str
    at: datetime
    name: str = ""
    email: str = ""


@dataclass(frozen=True, slots=True)
class Reports:
    """What a payload says. `key`: the sender's name for this message, by which a repeat is known."""

    reports: Sequence[Report]
    problems: Sequence[str] = ()
    truncated: int = 0
    key: str | None = None
    answer: Answer | None = None


def alertmanager(document: Any, *, now: datetime) -> Reports:
    """Alertmanager's webhook v4, and Grafana's, which has the same envelope: each alert has a status of its own."""
    if not isinstance(document, dict):
        raise Malformed(f"found {_kind(document)}, expected a JSON object with a list `alerts`")
    alerts = document.get("alerts")
    if not isinstance(alerts, list):
        raise Malformed(f"alerts: found {_kind(alerts)}, expected a list")
    group = document.get("groupKey")
    group = group if isinstance(group, str) else ""
    found = _each(alerts, lambda alert: _report(alert, group=group, now=now))
    truncated = document.get("truncatedAlerts")
    left_out = truncated if isinstance(truncated, int) and not isinstance(truncated, bool) and truncated > 0 else 0
    return Reports(found.reports, found.problems, left_out)


def api_v2(document: Any, *, now: datetime) -> Reports:
    """What Prometheus posts to Alertmanager: a list. An end in the past is a resolve, one to come an expiry."""
    if not isinstance(document, list):
        raise Malformed(f"found {_kind(document)}, expected a list of alerts")
    return _each(document, lambda alert: _posted(alert, now=now))


def pagerduty(document: Any, *, now: datetime) -> Reports:
    """PagerDuty's webhook v3. An incident that is our own page coming back is no alert, but may be its answer."""
    event = document.get("event") if isinstance(document, dict) else None
    if not isinstance(event, dict) or not isinstance(event.get("data"), dict):
        raise Malformed(f"event: found {_kind(event)}, expected an object with `data`")
    data, key = event["data"], event.get("id")
    key = key[:200] if isinstance(key, str) and key else None
    kind = str(event.get("event_type", ""))
    if not kind.startswith("incident."):
        return Reports((), key=key)
    if str(data.get("incident_key") or "").startswith(OUR_KEY):
        return Reports((), key=key, answer=_answer(kind, event, data["incident_key"], now))
    if data.get("type") not in (None, "incident", "incident_reference") or "status" not in data:
        return Reports((), key=key)  # a note, a responder: about an incident, not the incident
    identity = data.get("id")
    if not isinstance(identity, str) or not identity:
        raise Malformed(f"event.data.id: found {_kind(identity)}, expected a text")
    at = moment(event.get("occurred_at"), "event.occurred_at") or now
    firing = data["status"] != "resolved"
    report = Report(
        fingerprint=identity,
        firing=firing,
        labels=texts(
            {
                "alertname": "PagerDuty",
                "service": _named(data.get("service")),
                "severity": {"high": "page", "low": "ticket"}.get(str(data.get("urgency")), ""),
                "priority": _named(data.get("priority")),
                "escalation_policy": _named(data.get("escalation_policy")),
            }
        ),
        annotations=texts({"summary": data.get("title"), "link": data.get("html_url"), "status": data.get("status")}),
        starts_at=min(moment(data.get("created_at"), "event.data.created_at") or at, at),
        ends_at=None if firing else at,
        extra={"event": {name: value for name, value in event.items() if name != "data"}, "data": data},
    )
    return Reports((report,), key=key)


def _answer(kind: str, event: Mapping[str, Any], dedup_key: str, now: datetime) -> Answer | None:
    """PagerDuty names who did it as a reference: a name, and the address where it is the name or is given beside it."""
    action = {"incident.acknowledged": "acknowledge", "incident.resolved": "resolve"}.get(kind)
    if action is None:
        return None
    agent = event.get("agent")
    name = clean(_named(agent))[:100]
    given = agent.get("email") if isinstance(agent, dict) else None
    email = given if isinstance(given, str) else name if "@" in name else ""
    at = moment(event.get("occurred_at"), "event.occurred_at") or now
    return Answer(dedup_key, action, at, name, clean(email).strip()[:254])


def fingerprint(labels: Mapping[str, str]) -> str:
    """The same labels, the same fingerprint, in whatever order they came."""
    text = "\x00".join(f"{name}\x01{value}" for name, value in sorted(labels.items()))
    return hashlib.blake2b(text.encode(errors="replace"), digest_size=12).hexdigest()


def cut(items: Sequence[Any]) -> tuple[Sequence[Any], list[str]]:
    """As many as are read, and a sentence where there were more."""
    if len(items) <= MOST_ALERTS:
        return items, []
    return items[:MOST_ALERTS], [
        f"found {len(items)} alerts, read the first {MOST_ALERTS}; the rest is kept in the raw event"
    ]


def _each(alerts: list[Any], read: Any) -> Reports:
    taken, problems = cut(alerts)
    reports = []
    for index, alert in enumerate(taken):
        try:
            reports.append(read(alert))
        except Malformed as error:
            problems.append(f"alerts[{index}].{error}")
    if taken and not reports:
        raise Malformed("; ".join(problems[:5]))
    return Reports(reports, problems)


def _report(alert: Any, *, group: str, now: datetime) -> Report:
    labels = _labels(alert)
    status = alert.get("status")
    if status not in {"firing", "resolved"}:
        raise Malformed(f"status: found {status!r}, expected firing or resolved")
    starts_at = moment(alert.get("startsAt"), "startsAt")
    ends_at = moment(alert.get("endsAt"), "endsAt")
    firing = status == "firing"
    given = alert.get("fingerprint")
    return Report(
        fingerprint=given[:200] if isinstance(given, str) and given else fingerprint(labels),
        firing=firing,
        labels=labels,
        annotations=texts(alert.get("annotations")),
        starts_at=min(starts_at or ends_at or now, ends_at or now) if not firing else starts_at or now,
        ends_at=None if firing else ends_at or now,
        group=group[:300],
        extra={name: value for name, value in alert.items() if name not in _ALERT_FIELDS},
    )


def _posted(alert: Any, *, now: datetime) -> Report:
    labels = _labels(alert)
    starts_at, ends_at = moment(alert.get("startsAt"), "startsAt"), moment(alert.get("endsAt"), "endsAt")
    if ends_at is not None and starts_at is not None and ends_at < starts_at:
        raise Malformed(f"endsAt: found {alert['endsAt']!r}, expected a time after startsAt")
    firing = ends_at is None or ends_at > now
    return Report(
        fingerprint=fingerprint(labels),
        firing=firing,
        labels=labels,
        annotations=texts(alert.get("annotations")),
        starts_at=starts_at or (now if firing or ends_at is None else ends_at),
        ends_at=None if firing else ends_at,
        expires_at=(ends_at or now + RESOLVE_TIMEOUT) if firing else None,
        extra={name: value for name, value in alert.items() if name not in _ALERT_FIELDS},
    )


def _labels(alert: Any) -> dict[str, str]:
    if not isinstance(alert, dict):
        raise Malformed(f": found {_kind(alert)}, expected an object")
    labels = alert.get("labels")
    if not isinstance(labels, dict) or not labels:
        raise Malformed(f"labels: found {_kind(labels)}, expected an object with at least one label")
    if len(labels) > MOST_LABELS:
        raise Malformed(f"labels: found {len(labels)}, expected at most {MOST_LABELS}")
    return texts(labels)


def texts(given: Any) -> dict[str, str]:
    """Names and values as texts that a database can hold; what is empty is left out."""
    if not isinstance(given, dict):
        return {}
    return {
        clean(str(name))[:200]: clean(value if isinstance(value, str) else str(value))[:LONGEST_VALUE]
        for name, value in given.items()
        if value not in (None, "")
    }


def clean(text: str) -> str:
    """Without NUL and lone surrogates, which PostgreSQL refuses."""
    return (
        text.replace("\x00", "").encode("utf-8", "replace").decode() if not text.isascii() or "\x00" in text else text
    )


def moment(value: Any, name: str) -> datetime | None:
    """RFC 3339 as an instant; Go's zero time, nothing and null are None."""
    if value is None or value == "" or (isinstance(value, str) and value.startswith("0001-")):
        return None
    try:
        at = datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        at = None
    if at is None:
        raise Malformed(f"{name}: found {value!r}, expected a time such as 2026-11-17T10:00:00Z")
    try:
        return at.astimezone(UTC) if at.tzinfo is not None else at.replace(tzinfo=UTC)
    except (OverflowError, ValueError):
        raise Malformed(f"{name}: found {value!r}, expected a time within a thousand years of ours") from None


def _named(value: Any) -> str:
    """PagerDuty's references: the summary, else the id."""
    if isinstance(value, dict):
        return str(value.get("summary") or value.get("name") or value.get("id") or "")
    return ""


def _kind(value: Any) -> str:
    """What JSON calls it: None → "nothing", [] → "a list"."""
    names = {
        dict: "an object",
        list: "a list",
        str: "a text",
        bool: "a truth value",
        int: "a number",
        float: "a number",
    }
    return "nothing" if value is None else names.get(type(value), "something else")
