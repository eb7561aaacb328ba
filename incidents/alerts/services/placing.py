"""Alerts that are due are judged and put into incidents: the one way in, for Findings and for alerts from outside.

Judging: route, silences, maintenance, inhibition. Placing: those of one cause together, the worst first; it opens or joins, the
others follow it, so that a storm of a thousand alerts is one incident, one diagnosis, one page and one line with its count.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import transaction

from incidents.alerts import grouping, queries
from incidents.alerts.grouping import Placement, Reason, Signal, group_key
from incidents.alerts.inhibition import Firing
from incidents.alerts.matchers import all_fit
from incidents.alerts.models import Alert, AlertCursor
from incidents.alerts.services import responding
from incidents.alerts.silences import Muted
from incidents.alerts.treatment import EXTERNAL, Surroundings, Treatment, matched_labels, muted, next_look, treat
from incidents.ingest.payloads import urgency_of
from incidents.maintenance import queries as maintenance
from incidents.response.models import Incident
from incidents.routing import queries as routing
from incidents.silences import queries as silences
from sloengine.catalog.models import Deployment, Service

log = logging.getLogger(__name__)

CURSOR = "placing"
AT_ONCE = 2000
BATCHES = 10
#: What could not be placed is tried again after this.
AGAIN_AFTER = timedelta(seconds=30)
#: A service lives where it has been seen in this time.
LIVES = timedelta(hours=1)
_URGENT_FIRST = {Alert.Urgency.PAGE.value: 0, Alert.Urgency.TICKET.value: 1}


@dataclass(frozen=True, slots=True)
class Judged:
    """An alert with what was decided of it; `before`: its urgency as incidents knew it."""

    alert: Alert
    treatment: Treatment
    muted: Muted | None
    before: str

    @property
    def signal(self) -> Signal:
        alert, settings = self.alert, self.treatment.settings
        return Signal(
            kind=alert.kind,
            urgency=alert.urgency,
            fingerprint=alert.fingerprint,
            service_id=alert.service_id,
            firing=alert.state == Alert.State.FIRING,
            labels=self.treatment.labels,
            group_by=settings.group_by,
            group=f"{alert.integration_id}:{alert.source_group}" if alert.source_group else "",
        )


def place_due(*, now: datetime) -> int:
    """Place every alert that is due; how many. One worker at a time, by the cursor's lock; each cause has its own transaction."""
    AlertCursor.objects.get_or_create(name=CURSOR, defaults={"position": queries.BEGINNING})
    count = 0
    for _ in range(BATCHES):
        ids = queries.due(now=now, limit=AT_ONCE)
        placed = sum(
            _place_batch([pk for owner, pk in ids if owner == organisation_id], now)
            for organisation_id in dict.fromkeys(organisation_id for organisation_id, _ in ids)
        )
        count += placed
        if not placed:
            break
    return count


def _place_batch(ids: Sequence[int], now: datetime) -> int:
    """Those of one organisation, cause by cause. A cause that fails is tried again later and holds up no other."""
    with transaction.atomic():
        judged = judge(alerts=queries.locked(ids=ids, now=now), now=now, before={})
        causes = [[one.alert.pk for one in together] for together in _by_cause(judged)]
        # What quiets others is known before the first of them is placed.
        Alert.objects.filter(pk__in=[one.alert.pk for one in judged if one.treatment.source]).update(quiets=True)
    for cause in causes:
        try:
            with transaction.atomic():
                cursor = AlertCursor.objects.select_for_update(skip_locked=True).filter(name=CURSOR).first()
                if cursor is None:
                    return 0  # another worker is at it
                place(alerts=queries.locked(ids=cause, now=now), now=now, before={})
        except Exception:
            log.exception("alerts %s could not be placed; they are tried again", cause[:10])
            Alert.objects.filter(pk__in=cause, place_at__lte=now).update(place_at=now + AGAIN_AFTER)
    return len(ids)


def place(*, alerts: Sequence[Alert], now: datetime, before: Mapping[int, str]) -> None:
    """Judge the alerts (of one organisation, locked) and tell their incidents. `before`: the urgency that incidents know."""
    judged = judge(alerts=alerts, now=now, before=before)
    explains = [
        one.treatment
        for one in judged
        if one.treatment.source and _fires(one.alert) and one.alert.told != Alert.Told.FIRING
    ]
    incidents: dict[int, Incident] = {}
    for together in _by_cause(judged):
        incidents.update(_place_cause(together, now))
    queries.save_placed(alerts=alerts)
    over = [alert.pk for alert in alerts if alert.quiets and alert.state != Alert.State.FIRING]
    if over:
        queries.requeue_muted_by(alerts=over, now=now)
    for incident in incidents.values():
        responding.note_quiet(incident, now)
        responding.fold_in(incident, now)
    if explains:
        # What opened before the alert that explains it is judged anew, and folded into its incident.
        queries.requeue_explained(
            organisation_id=alerts[0].organisation_id,
            explained=[
                (rule, treatment.labels)
                for treatment in explains
                for rule in treatment.rules
                if all_fit(rule.source, treatment.labels)
            ],
            lives_since=now - LIVES,
            now=now,
        )


def judge(*, alerts: Sequence[Alert], now: datetime, before: Mapping[int, str]) -> list[Judged]:
    """Route, urgency, service and what quiets it, written into each alert."""
    if not alerts:
        return []
    owner = alerts[0].organisation_id
    surroundings = Surroundings(
        routes=routing.routes(organisation_id=owner),
        quiets=[
            *silences.active(organisation_id=owner, now=now),
            *maintenance.active(organisation_id=owner, now=now),
        ],
    )
    services = _services(owner, alerts, surroundings)
    found = [
        (alert, before.get(alert.pk, alert.urgency), _treat(alert, services, surroundings, now)) for alert in alerts
    ]
    firing = [_firing(alert, treatment, {}) for alert, _, treatment in found if treatment.source and not alert.ends_at]
    known = {one.alert_id for one in firing}
    firing += [_firing(row, None, {}) for row in queries.sources(organisation_id=owner) if row.pk not in known]
    regions = _regions(alerts, now) if any("region" in one.labels for one in firing) else {}
    return [
        Judged(
            alert,
            treatment,
            muted(
                treatment=treatment,
                alert=_firing(alert, treatment, regions),
                sources=firing,
                routes=surroundings.routes,
            ),
            urgency,
        )
        for alert, urgency, treatment in found
    ]


def _treat(alert: Alert, services: Mapping[str, Service], surroundings: Surroundings, now: datetime) -> Treatment:
    if alert.state == Alert.State.FIRING and alert.expires_at is not None and alert.expires_at <= now:
        alert.state, alert.ends_at = Alert.State.CLEARED, alert.expires_at  # its sender said no more
    integration = alert.integration
    if integration is not None:
        alert.kind = EXTERNAL
        alert.urgency = urgency_of(alert.labels, default=integration.default_urgency)
        alert.service = services.get(str(alert.labels.get("service", ""))) or integration.service
    treatment = treat(
        labels=_labels(alert, alert.service.slug if alert.service is not None else ""),
        surroundings=surroundings,
        now=now,
    )
    chosen = treatment.settings
    if integration is not None:
        alert.kind = chosen.kind or EXTERNAL
        alert.service = services.get(chosen.service or "") or alert.service
    alert.urgency = chosen.urgency or alert.urgency
    alert.route, alert.quiets = treatment.taken.said[:300] if treatment.taken.path else "", treatment.source
    return treatment


def _labels(alert: Alert, service: str) -> dict[str, str]:
    integration = alert.integration
    return matched_labels(
        labels=alert.labels,
        kind=alert.kind,
        urgency=alert.urgency,
        fingerprint=alert.fingerprint,
        integration=integration.name if integration is not None else "",
        service=service,
    )


def _firing(alert: Alert, treatment: Treatment | None, regions: Mapping[int, frozenset[str]]) -> Firing:
    labels = treatment.labels if treatment is not None else _labels(alert, "")
    return Firing(alert.pk, labels, regions.get(alert.service_id or 0, frozenset()))


def _services(organisation_id: int, alerts: Iterable[Alert], surroundings: Surroundings) -> dict[str, Service]:
    """Services by slug: those that the alerts name, and those that routes may choose."""
    slugs = {str(alert.labels.get("service", "")) for alert in alerts if alert.integration_id is not None}
    pending = list(surroundings.routes.routes)
    while pending:
        route = pending.pop()
        pending.extend(route.children)
        slugs.add(route.settings.service or "")
    slugs.discard("")
    found = Service.objects.filter(organisation_id=organisation_id, slug__in=slugs) if slugs else ()
    return {service.slug: service for service in found}


def _regions(alerts: Iterable[Alert], now: datetime) -> dict[int, frozenset[str]]:
    """Where each service lives, as the catalogue has seen it lately."""
    ids = {alert.service_id for alert in alerts if alert.service_id is not None}
    seen: dict[int, set[str]] = {}
    rows = Deployment.objects.filter(service__in=ids, seen_until__gte=now - LIVES).values_list("service_id", "region")
    for service_id, region in rows:
        seen.setdefault(service_id, set()).add(region)
    return {service_id: frozenset(regions) for service_id, regions in seen.items()}


def _by_cause(judged: Iterable[Judged]) -> list[list[Judged]]:
    """Alerts of one cause together, the most urgent cause first; within it the most urgent and oldest first.

    What quiets others comes before everything: it is judged with the rest of its batch, and placed before them.
    """
    causes: dict[str, list[Judged]] = {}
    for one in sorted(
        judged, key=lambda one: (_URGENT_FIRST.get(one.alert.urgency, 2), one.alert.starts_at, one.alert.pk)
    ):
        causes.setdefault(group_key(one.signal), []).append(one)
    return list(causes.values())


def _place_cause(together: Sequence[Judged], now: datetime) -> dict[int, Incident]:
    """One cause: the first that asks for a place leads, the others follow. The incidents that heard something."""
    heard: dict[int, Incident] = {}
    asking: list[Judged] = []
    cleared: list[Judged] = []
    quiet: list[Judged] = []
    for one in together:
        alert = one.alert
        alert.place_at = next_look(muted=one.muted, expires_at=alert.expires_at) if _fires(alert) else None
        told, alert.muted_reason, alert.muted_by_id = alert.told, "", None
        if _fires(alert) and one.muted is not None:
            _mute(alert, one.muted, now)
            quiet += [one] if told == Alert.Told.FIRING else []
        elif _fires(alert) and one.treatment.settings.drop:
            alert.told, alert.reason = Alert.Told.FIRING, Reason.DROPPED.value
        elif told == "" or (_fires(alert) and (told != Alert.Told.FIRING or alert.incident is None)):
            asking.append(one)
        elif not _fires(alert):
            alert.told = Alert.Told.CLEARED
            cleared += [one] if told != Alert.Told.CLEARED else []
        elif one.before != alert.urgency and alert.incident is not None:
            responding.raise_severity(alert.incident, alert, now)
        if alert.incident is not None:
            heard[alert.incident.pk] = alert.incident
    _tell_each(cleared, now, "cleared")
    _tell_each(quiet, now, "")
    if asking and not _waits(asking, now):
        heard.update(_lead_and_follow(asking, now))
    return heard


def _fires(alert: Alert) -> bool:
    return alert.state == Alert.State.FIRING


def _mute(alert: Alert, why: Muted, now: datetime) -> None:
    alert.muted_since = alert.muted_since if alert.told == Alert.Told.MUTED and alert.muted_since else now
    alert.told, alert.muted_reason, alert.muted_by_id = Alert.Told.MUTED, why.reason[:250], why.by_alert
    if alert.incident is None:
        alert.reason = "kept: it is quiet"


def _tell_each(judged: Sequence[Judged], now: datetime, reason: str) -> None:
    """Each incident hears of its own: what cleared, or what was silenced in it."""
    by_incident: dict[int, list[Alert]] = {}
    for one in judged:
        if one.alert.incident is not None:
            by_incident.setdefault(one.alert.incident.pk, []).append(one.alert)
    for alerts in by_incident.values():
        incident = alerts[0].incident
        if incident is not None:
            responding.tell_together(incident, alerts, now, reason or alerts[0].muted_reason)


def _waits(asking: Sequence[Judged], now: datetime) -> bool:
    """Whether the group still gathers: it has no incident, and its route's wait has not passed since the first came."""
    waits = [one.treatment.settings.group_wait for one in asking]
    wait = max((wait for wait in waits if wait is not None), default=timedelta(0))
    until = min(one.alert.received_at for one in asking) + wait
    if until <= now or not any(_fires(one.alert) for one in asking):
        return False
    lead = asking[0]
    found = queries.candidates(organisation=lead.alert.organisation, signal=lead.signal, now=now)
    if found:
        return False
    for one in asking:
        one.alert.place_at, one.alert.reason = until, Reason.WAITS.value
    return True


def _lead_and_follow(asking: Sequence[Judged], now: datetime) -> dict[int, Incident]:
    lead = min(asking, key=lambda one: not _fires(one.alert))
    _place_one(lead, now)
    for one in asking:
        one.alert.told = Alert.Told.FIRING if _fires(one.alert) else Alert.Told.CLEARED
    followers = [one for one in asking if one is not lead]
    incident = lead.alert.incident
    if incident is None:
        for one in followers:
            one.alert.reason = lead.alert.reason if _fires(one.alert) else Reason.OVER.value
        return {}
    for one in followers:
        one.alert.incident, one.alert.reason = incident, Reason.STORM.value
    for said in (Alert.State.FIRING, Alert.State.CLEARED):
        alike = [one.alert for one in followers if one.alert.state == said]
        responding.tell_together(incident, alike, now, Reason.STORM.value if said == Alert.State.FIRING else "cleared")
    return {incident.pk: incident}


def _place_one(one: Judged, now: datetime) -> None:
    alert, signal = one.alert, one.signal
    reopen_within = one.treatment.settings.reopen_within
    window = grouping.REOPEN_WITHIN if reopen_within is None else reopen_within
    found = queries.candidates(organisation=alert.organisation, signal=signal, now=now, reopen_within=window)
    decided = grouping.place(signal=signal, candidates=found, now=now, reopen_within=window)
    alert.reason = decided.reason.value
    if decided.placement is Placement.OPEN:
        if one.treatment.settings.group_wait:
            queries.requeue_waiting(alert=alert, reason=Reason.WAITS.value, now=now)
        alert.incident = responding.open_incident(alert, one.treatment, group_key(signal), decided.reason, now)
    elif decided.incident_id is not None:
        alert.incident = Incident.objects.select_related("organisation", "service").get(pk=decided.incident_id)
    else:
        alert.incident = None
    alert.save(update_fields=["incident", "reason", "service", "kind", "urgency", "state", "ends_at"])
    if alert.incident is not None:
        responding.after_placing(alert, alert.incident, decided, now)
