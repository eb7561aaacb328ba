"""From a Finding to an incident that someone is paged for, and to its end.

A beat reads what is new, settles what is quiet, and costs two indexed queries where there is neither.
"""

from __future__ import annotations

import logging
from datetime import datetime

from django.db import transaction

from incidents.alerts import grouping, queries
from incidents.alerts.grouping import Held, Place, Placement, Reason, Signal
from incidents.alerts.models import Alert, AlertCursor
from incidents.diagnosis import services as diagnosis
from incidents.response import services as response
from incidents.response import severity as severities
from incidents.response.lifecycle import ResolveReason, State
from incidents.response.models import Incident
from incidents.response.severity import Severity
from incidents.response.timeline import TimelineKind
from observability.core import permissions
from sloengine.budgets.models import Finding

log = logging.getLogger(__name__)

BATCH = 200


def pull_findings(*, now: datetime) -> int:
    """Read new Findings into alerts and incidents, then settle open incidents; how many Findings were read."""
    work = queries.work(now=now)
    read = _read(now) if work.findings else 0
    for incident in queries.unsettled(now=now) if work.incidents or read else ():
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
        settle(incident=incident, now=now)
    except Exception:
        log.exception("%s failed; it is tried again", what)


def take(*, finding: Finding, now: datetime) -> Alert:
    """The Finding as an alert in its incident, opened or reopened where need be. Taking it again changes nothing."""
    alert = Alert.objects.filter(finding=finding).select_related("incident").first()
    was_firing = alert is not None and alert.state == Alert.State.FIRING
    before = alert.urgency if alert is not None else ""
    if alert is None:
        alert = Alert(finding=finding, received_at=now, reason="")
    _copy(finding, alert)
    is_new = alert.pk is None
    alert.save()
    firing = alert.state == Alert.State.FIRING
    if is_new or (firing and (alert.incident is None or not was_firing)):
        _place(alert, finding, now)
    elif alert.incident is None:
        return alert
    elif was_firing and not firing:
        _tell(alert.incident, alert, now, "cleared")
    elif before != alert.urgency:
        _raise(alert.incident, alert, now)
    if alert.incident is not None:
        _note_quiet(alert.incident, now)
    return alert


def settle(*, incident: Incident, now: datetime) -> None:
    """Resolve an incident whose alerts have been quiet for 5 minutes; page for one that turned out to be worth it."""
    if not _is_over(incident, now):
        _page(incident, now)
        return
    with transaction.atomic():
        # Asked again under the lock: another worker may have read an alert that fires again.
        incident = Incident.objects.select_for_update(no_key=True, of=("self",)).get(pk=incident.pk)
        if _is_over(incident, now):
            response.resolve(
                incident=incident,
                actor=permissions.system(incident.organisation),
                now=now,
                reason=ResolveReason.ALERTS_CLEARED.value,
                mitigated_at=incident.quiet_since,
            )


def _is_over(incident: Incident, now: datetime) -> bool:
    return incident.quiet_since is not None and incident.quiet_since <= now - grouping.RESOLVE_AFTER


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


def _signal(alert: Alert) -> Signal:
    return Signal(
        kind=alert.kind,
        urgency=alert.urgency,
        fingerprint=alert.fingerprint,
        service_id=alert.service_id,
        firing=alert.state == Alert.State.FIRING,
    )


def _place(alert: Alert, finding: Finding, now: datetime) -> None:
    signal = _signal(alert)
    found = queries.candidates(organisation=alert.organisation, signal=signal, now=now)
    decided = grouping.place(signal=signal, candidates=found, now=now)
    alert.reason = decided.reason.value
    if decided.placement is Placement.OPEN:
        alert.incident = _open(alert, signal, decided.reason, now)
    elif decided.incident_id is not None:
        alert.incident = Incident.objects.select_related("organisation", "service").get(pk=decided.incident_id)
    alert.save(update_fields=["incident", "reason"])
    if alert.incident is not None:
        _after_placing(alert, alert.incident, decided, now)


def _after_placing(alert: Alert, incident: Incident, decided: Place, now: datetime) -> None:
    if decided.placement is Placement.OPEN:
        _look_and_page(alert, incident, now)
        return
    _tell(incident, alert, now, grouping.explained(reason=decided.reason, incident=incident.name))
    if decided.placement is Placement.REOPEN:
        incident = response.reopen(
            incident=incident, actor=permissions.system(incident.organisation), now=now, reason=decided.reason.value
        )
        _look_and_page(alert, incident, now)
    _raise(incident, alert, now)


def _look_and_page(alert: Alert, incident: Incident, now: datetime) -> None:
    if alert.kind != "blind":  # what cannot be read cannot be diagnosed
        _diagnose(incident, now)
    _page(incident, now)


def _open(alert: Alert, signal: Signal, reason: Reason, now: datetime) -> Incident:
    return response.open_incident(
        organisation=alert.organisation,
        service=alert.service if alert.kind != "blind" else None,
        title=_title(alert),
        severity=severities.opening(kind=alert.kind, urgency=alert.urgency),
        actor=permissions.system(alert.organisation),
        now=now,
        group_key=grouping.group_key(signal),
        impact_started_at=_impact_start(alert),
        detected_at=alert.starts_at,
        reason=reason.value,
    )


def _title(alert: Alert) -> str:
    """The evidence's one short line, else the alert's title; with the service's name before it unless it begins with it."""
    summary = alert.annotations.get("summary")
    title = summary if isinstance(summary, str) and summary else alert.title.removesuffix(".")
    if alert.service is None or title.startswith((f"{alert.service.name} ", f"{alert.service.slug} ")):
        return title
    return f"{alert.service.name}: {title}"


def _impact_start(alert: Alert) -> datetime:
    """Where the evidence says when the users began to be hurt; else when the alert began."""
    stated = alert.annotations.get("impact_start")
    try:
        return datetime.fromisoformat(stated) if isinstance(stated, str) else alert.starts_at
    except ValueError:
        return alert.starts_at


def _tell(incident: Incident, alert: Alert, now: datetime, reason: str) -> None:
    payload = {
        "title": alert.title,
        "fingerprint": alert.fingerprint,
        "kind": alert.kind,
        "urgency": alert.urgency,
        "state": alert.state,
        "reason": "" if reason == "cleared" else reason,
    }
    response.write_timeline(incident=incident, kind=TimelineKind.ALERT_JOINED, now=now, payload=payload)


def _raise(incident: Incident, alert: Alert, now: datetime) -> None:
    """A joining alert may make the incident worse, never better."""
    severity = severities.opening(kind=alert.kind, urgency=alert.urgency)
    if alert.urgency == Alert.Urgency.INFO or not severities.worse(severity, Severity(incident.severity)):
        return
    response.change_severity(
        incident=incident,
        severity=severity,
        actor=permissions.system(incident.organisation),
        now=now,
        reason=f"joined by an alert that asks for a {alert.urgency}",
    )


def _note_quiet(incident: Incident, now: datetime) -> None:
    held = [Held(urgency=urgency, ends_at=at) for urgency, at in incident.alerts.values_list("urgency", "ends_at")]
    Incident.objects.exclude(state=State.RESOLVED).filter(pk=incident.pk).update(
        quiet_since=grouping.quiet_since(held), changed_at=now
    )


def _diagnose(incident: Incident, now: datetime) -> None:
    """Ask the decision tree. Whatever goes wrong with it, the page goes out, and says so."""
    try:
        with transaction.atomic():
            diagnosis.diagnose(incident=incident, now=now)
    except Exception as error:
        log.exception("%s: no diagnosis", incident.name)
        payload = {"text": f"No diagnosis: {type(error).__name__}: {error}"}
        response.write_timeline(incident=incident, kind=TimelineKind.NOTE, now=now, payload=payload)
    incident.refresh_from_db()


def _page(incident: Incident, now: datetime) -> None:
    """Page where the severity or the diagnosis asks for it, after taking over the worse severity of its leaf."""
    leaf_severity = incident.diagnosis.get("severity")
    leaf_pages = incident.diagnosis.get("page") is True
    if leaf_pages and leaf_severity in set(Severity) and severities.worse(leaf_severity, Severity(incident.severity)):
        incident = response.change_severity(
            incident=incident,
            severity=Severity(leaf_severity),
            actor=permissions.system(incident.organisation),
            now=now,
            reason=f"the diagnosis is {incident.diagnosis.get('title', incident.leaf)}",
        )
    if leaf_pages or severities.pages(Severity(incident.severity)):
        response.page(incident=incident, now=now)
