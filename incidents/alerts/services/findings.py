"""Findings become alerts: read by cursor, one transaction each."""

from __future__ import annotations

import logging
from datetime import datetime

from django.db import transaction

from incidents.alerts import queries
from incidents.alerts.models import Alert, AlertCursor
from incidents.alerts.services import placing, responding
from incidents.oncall.services import notices
from incidents.response.models import Incident
from observability.core import questions
from sloengine.budgets.models import Finding, FindingState

log = logging.getLogger(__name__)

BATCH = 200


@questions.first(queries.ANY_WORK)
def pull_findings(*, now: datetime) -> int:
    """Read new Findings, place what is due, then settle open incidents; how many Findings were read."""
    work = queries.work(now=now)
    read = _read(now) if work.findings else 0
    placed = placing.place_due(now=now) if work.alerts else 0
    for incident in queries.unsettled(now=now) if work.incidents or read or placed else ():
        _guarded(f"settling {incident.name}", incident, now)
    return read


def _read(now: datetime) -> int:
    """One reader at a time, by the cursor's lock; the other finds nothing left to do.

    Each Finding has a transaction of its own: the first page of a large outage does not wait for the last diagnosis.
    """
    AlertCursor.objects.get_or_create(name=queries.CURSOR, defaults={"position": queries.BEGINNING})
    failed: dict[int, datetime] = {}
    for count in range(BATCH):
        with transaction.atomic():
            cursor = AlertCursor.objects.select_for_update(skip_locked=True).filter(name=queries.CURSOR).first()
            finding = queries.next_finding(without=list(failed)) if cursor is not None else None
            if cursor is None or finding is None:
                return count - len(failed)
            if not _taken(finding, now):
                failed[finding.pk] = finding.changed_at
            # What failed is read again: the cursor stays before it.
            cursor.position = min(failed.values(), default=max(cursor.position, finding.changed_at))
            cursor.save(update_fields=["position"])
            queries.read_to(cursor.position)
    return BATCH - len(failed)


def _taken(finding: Finding, now: datetime) -> bool:
    """One broken Finding must not keep the others from being read."""
    try:
        with transaction.atomic():
            take(finding=finding, now=now)
    except Exception:
        log.exception("finding %s could not be taken; it is tried again", finding.pk)
        return False
    return True


def _guarded(what: str, incident: Incident, now: datetime) -> None:
    try:
        responding.settle(incident=incident, now=now)
    except Exception:
        log.exception("%s failed; it is tried again", what)


def take(*, finding: Finding, now: datetime) -> Alert:
    """The Finding as an alert in its incident, opened or reopened where need be. Taking it again changes nothing."""
    alert = Alert.objects.filter(finding=finding).select_related("incident", "integration").first()
    before = alert.urgency if alert is not None else ""
    if alert is None:
        alert = Alert(finding=finding, received_at=now, reason="")
    _copy(finding, alert)
    alert.save()
    placing.place(alerts=[alert], now=now, before={alert.pk: before})
    _tell_owner(finding, now)
    return alert


def _tell_owner(finding: Finding, now: datetime) -> None:
    """A finding that asks for it is told in a notice, once: a threshold of a contract, a budget that is nearly spent."""
    text = finding.evidence.get("notice")
    if isinstance(text, str) and text and finding.state == FindingState.FIRING:
        notices.write_owner(
            organisation=finding.organisation,
            owner=str(finding.evidence.get("owner", "")),
            text=text,
            decision=f"finding {finding.pk}",
            now=now,
        )


def _copy(finding: Finding, alert: Alert) -> None:
    alert.organisation = finding.organisation
    alert.service = finding.service
    alert.finding_changed_at = finding.changed_at
    alert.fingerprint = finding.fingerprint
    alert.kind = finding.kind
    alert.urgency = finding.severity
    alert.state = finding.state
    alert.title = finding.reason[:300]
    alert.labels = {"kind": finding.kind, **({"service": finding.service.slug} if finding.service else {})}
    alert.annotations = finding.evidence
    alert.starts_at = finding.since
    # Quiet began before the engine was sure of it: that is when the users were no longer hurt.
    cleared = finding.state == Alert.State.CLEARED
    alert.ends_at = (finding.quiet_since or finding.cleared_at) if cleared else None
