"""The rows that stand around an impact, read at once for as many services as are asked about: five queries for one or for fifty."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.db.models import Q, QuerySet

from incidents.alerts.models import Alert
from incidents.diagnosis.precision import precision
from incidents.diagnosis.view import ChangeSeen, Found, Serving
from incidents.response.models import Incident
from sloengine.budgets.models import Finding, FindingKind, FindingState
from sloengine.catalog.models import Change, Deployment, Service

SERVED_WITHIN = timedelta(days=14)  # how far back a version is looked for
CHANGES_FROM = timedelta(hours=2)
CHANGES_UNTIL = timedelta(minutes=10)
MOST_FROM_OUTSIDE = 50
MOST_SERVINGS = 200
LINGERS = timedelta(minutes=5)  # a Finding that cleared this recently is still what the incident is about


@dataclass(frozen=True, slots=True)
class Surroundings:
    """By service: what was found, what changed, what served; and where in the organisation an impact began when."""

    findings: Mapping[int, Sequence[Found]] = field(default_factory=dict)
    changes: Mapping[int, Sequence[ChangeSeen]] = field(default_factory=dict)
    servings: Mapping[int, Sequence[Serving]] = field(default_factory=dict)
    impacts: Sequence[tuple[str, datetime]] = ()


def surroundings(*, services: Collection[Service], since: datetime, now: datetime) -> Surroundings:
    """Of services of one organisation; `since`: the earliest start of an impact among them."""
    ids = [service.pk for service in services]
    organisations = {service.organisation_id for service in services}
    findings: dict[int, list[Found]] = {}
    rows = Finding.objects.filter(
        Q(state=FindingState.FIRING) | Q(cleared_at__gte=now - LINGERS), service__in=ids, since__lte=now
    )
    for row in rows.order_by("since"):
        if row.service_id is not None:
            findings.setdefault(row.service_id, []).append(Found(row.kind, row.severity, row.reason, row.evidence))
    for alert in _told_by_others(ids, now):
        if alert.service_id is not None:
            told = findings.setdefault(alert.service_id, [])
            told.append(Found(alert.kind, alert.urgency, alert.title, {**alert.annotations, **alert.labels}))
    changes: dict[int, list[ChangeSeen]] = {}
    for change in Change.objects.filter(service__in=ids, at__gte=since - CHANGES_FROM, at__lte=now).order_by("-at"):
        changes.setdefault(change.service_id, []).append(_seen(change))
    servings: dict[int, list[Serving]] = {}
    served = Deployment.objects.filter(service__in=ids, seen_from__lte=now, seen_until__gte=now - SERVED_WITHIN)
    fields = ("service_id", "region", "version", "config_hash", "seen_from", "seen_until")
    for service_id, *of_it in served.order_by("-seen_from").values_list(*fields)[: MOST_SERVINGS * len(ids)]:
        servings.setdefault(service_id, []).append(Serving(*of_it))
    open_ones = Incident.objects.unresolved().filter(
        organisation_id__in=organisations, service__isnull=False, impact_started_at__isnull=False
    )
    impacts = open_ones.values_list("service__slug", "impact_started_at")
    return Surroundings(findings, changes, servings, [(slug, at) for slug, at in impacts if at is not None])


def _told_by_others(ids: Collection[int], now: datetime) -> QuerySet[Alert]:
    """Alerts from outside whose kind a route names: they answer the tree's questions as our own Findings do."""
    rows = Alert.objects.filter(
        Q(state=Alert.State.FIRING) | Q(ends_at__gte=now - LINGERS),
        service__in=ids,
        integration__isnull=False,
        kind__in=FindingKind.values,
        starts_at__lte=now,
    ).exclude(told=Alert.Told.MUTED)
    return rows.order_by("starts_at")[: MOST_FROM_OUTSIDE * len(ids)]


def _seen(row: Change) -> ChangeSeen:
    """What differs between the two sides: {version: v1} and {version: v2} is "v1" to "v2"."""
    before = row.before if isinstance(row.before, dict) else {}
    after = row.after if isinstance(row.after, dict) else {}
    moved = [key for key in {**before, **after} if before.get(key) != after.get(key)]
    told = "version" if "version" in moved else moved[0] if moved else "version"
    sides = [[str(side.get(key, "")) for key in moved] for side in (before, after)]
    precise = precision(" ".join(sides[0])) != precision(" ".join(sides[1]))
    return ChangeSeen(row.kind, row.at, str(before.get(told, "?")), str(after.get(told, "?")), precise)
