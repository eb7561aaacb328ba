"""What an alert does to its incident: open it, join it, make it worse, have it diagnosed and paged for, let it end."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import datetime, timedelta

from django.db import transaction

from incidents.alerts import grouping, queries
from incidents.alerts.grouping import Place, Placement, Reason
from incidents.alerts.models import Alert
from incidents.alerts.treatment import Treatment
from incidents.command.services import joining as command
from incidents.diagnosis import services as diagnosis
from incidents.response import services as response
from incidents.response import severity as severities
from incidents.response.lifecycle import ResolveReason, State
from incidents.response.models import Incident
from incidents.response.severity import Severity
from incidents.response.timeline import TimelineKind
from incidents.routing import queries as routing
from observability.core import permissions

log = logging.getLogger(__name__)

#: So many alerts that come together are told one by one in the timeline; more are told as one line with their count.
TOLD_ONE_BY_ONE = 3


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
    quiet_for = timedelta(seconds=incident.resolve_seconds)
    return incident.quiet_since is not None and incident.quiet_since <= now - quiet_for


def after_placing(alert: Alert, incident: Incident, decided: Place, now: datetime) -> None:
    """What follows for the incident from one alert that was placed into it."""
    if decided.placement is Placement.OPEN:
        look_and_page(alert, incident, now)
        return
    tell(incident, alert, now, grouping.explained(reason=decided.reason, incident=incident.name))
    if decided.placement is Placement.REOPEN:
        incident = response.reopen(
            incident=incident, actor=permissions.system(incident.organisation), now=now, reason=decided.reason.value
        )
        look_and_page(alert, incident, now)
    if raise_severity(incident, alert, now) and alert.kind != "blind":
        _look_anew(incident, now)


def look_and_page(alert: Alert, incident: Incident, now: datetime) -> None:
    if alert.kind != "blind":  # what cannot be read cannot be diagnosed
        _diagnose(incident, now)
    _page(incident, now)


def open_incident(alert: Alert, treatment: Treatment, group_key: str, reason: Reason, now: datetime) -> Incident:
    chosen = treatment.settings
    return response.open_incident(
        organisation=alert.organisation,
        service=alert.service if alert.kind != "blind" else None,
        title=_title(alert),
        severity=severities.opening(kind=alert.kind, urgency=alert.urgency),
        actor=permissions.system(alert.organisation),
        now=now,
        group_key=group_key,
        impact_started_at=_impact_start(alert),
        detected_at=alert.starts_at,
        reason=reason.value,
        policy_slug=routing.policy_slug(organisation=alert.organisation, settings=chosen),
        resolve_after=chosen.resolve_after if chosen.resolve_after is not None else grouping.RESOLVE_AFTER,
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


def tell(incident: Incident, alert: Alert, now: datetime, reason: str) -> None:
    payload = {
        "title": alert.title,
        "fingerprint": alert.fingerprint,
        "kind": alert.kind,
        "urgency": alert.urgency,
        "state": alert.state,
        "reason": "" if reason == "cleared" else reason,
    }
    response.write_timeline(incident=incident, kind=TimelineKind.ALERT_JOINED, now=now, payload=payload)


def tell_together(incident: Incident, alerts: Sequence[Alert], now: datetime, reason: str) -> None:
    """Few alerts one by one; a storm as one line with its count."""
    if len(alerts) <= TOLD_ONE_BY_ONE:
        for alert in alerts:
            tell(incident, alert, now, reason)
        return
    payload = {
        "title": alerts[0].title,
        "count": len(alerts),
        "state": alerts[0].state,
        "reason": "" if reason == "cleared" else reason,
    }
    response.write_timeline(incident=incident, kind=TimelineKind.ALERT_JOINED, now=now, payload=payload)


def raise_severity(incident: Incident, alert: Alert, now: datetime) -> bool:
    """A joining alert may make the incident worse, never better; whether it did."""
    severity = severities.opening(kind=alert.kind, urgency=alert.urgency)
    if alert.urgency == Alert.Urgency.INFO or not severities.worse(severity, Severity(incident.severity)):
        return False
    response.change_severity(
        incident=incident,
        severity=severity,
        actor=permissions.system(incident.organisation),
        now=now,
        reason=f"joined by an alert that asks for a {alert.urgency}",
    )
    return True


def note_quiet(incident: Incident, now: datetime) -> None:
    """Since when nothing holds it open. A muted alert holds nothing open from the moment it is quiet."""
    Incident.objects.exclude(state=State.RESOLVED).filter(pk=incident.pk).update(
        quiet_since=grouping.quiet_since(queries.held(incident=incident)), changed_at=now
    )


def fold_in(incident: Incident, now: datetime) -> None:
    """An incident whose every alert is explained by another's goes on as part of that one: a region that is down, say."""
    explains = queries.explanation(incident=incident)
    if explains is None:
        return
    into = Incident.objects.select_related("organisation", "service").get(pk=explains)
    system = permissions.system(incident.organisation)
    command.merge(incident=incident, into=into, actor=system, now=now, because="what it says explains it")


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


def _look_anew(incident: Incident, now: datetime) -> None:
    """Whoever is woken reads what is so now, not what an early sign looked like. The page goes out whatever goes wrong here."""
    try:
        with transaction.atomic():
            diagnosis.look_anew(incident=incident, now=now)
    except Exception:
        log.exception("%s: not looked at again; the stored diagnosis stands", incident.name)
    incident.refresh_from_db()


def _only_early(incident: Incident) -> bool:
    """Whether nothing but moved signals speaks so far: they open an incident and have it diagnosed; who is woken is promised by
    objectives, and the first of them that fires raises it."""
    if severities.pages(Severity(incident.severity)):
        return False
    kinds = set(incident.alerts.values_list("kind", flat=True))
    return bool(kinds) and kinds <= {"moved"}


def _page(incident: Incident, now: datetime) -> None:
    """Page where the severity or the diagnosis asks for it, after taking over the worse severity of its leaf."""
    leaf_severity = incident.diagnosis.get("severity")
    leaf_pages = incident.diagnosis.get("page") is True and not _only_early(incident)
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
