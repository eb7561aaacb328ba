"""What incidents cost: requests over the goal, and those at the price of a request."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from django.db.models import Q

from incidents.response.models import Incident
from incidents.screens.queries.lists import leaf_title
from observability.core.models import Organisation
from sloengine.budgets.queries import bad_events
from sloengine.catalog.models import Service
from sloengine.cost.queries import cost_per_1k
from sloengine.objectives.models import Objective
from sloengine.objectives.objective import MEASURES, SERVING, Indicator

MOST = 200
#: Objectives whose events are requests; those of tokens would count each request many times.
OF_REQUESTS = [indicator.value for indicator in SERVING if MEASURES[indicator].noun == "requests"]


@dataclass(frozen=True, slots=True)
class Cost:
    """One incident; `bad` is the most requests that any objective it burned lost, `usd` those at the mean price of one."""

    number: int
    title: str
    service: str
    leaf: str
    severity: int
    started_at: datetime
    lasted_seconds: float | None
    bad: float | None
    usd: Decimal | None
    simulated: bool


def incident_costs(*, organisation: Organisation, service: str, start: datetime, now: datetime) -> tuple[Cost, ...]:
    """Incidents that began in the range, newest first, drills left out."""
    rows = Incident.objects.filter(organisation=organisation, opened_at__gt=start, opened_at__lte=now, drill=False)
    rows = rows.filter(service__slug=service) if service else rows
    found = list(rows.select_related("service").prefetch_related("alerts").order_by("-opened_at", "-pk")[:MOST])
    services = {row.service for row in found if row.service is not None}
    prices = {one.pk: _price(one, start, now) for one in services}
    return tuple(_cost(row, prices.get(row.service_id or 0), now) for row in found)


def _price(service: Service, start: datetime, now: datetime) -> Decimal | None:
    return cost_per_1k(service=service, start=start, end=now).per_request


def _cost(incident: Incident, price: Decimal | None, now: datetime) -> Cost:
    began = incident.impact_started_at or incident.opened_at
    bad = _bad(incident, now)
    return Cost(
        number=incident.number,
        title=incident.title,
        service=incident.service.name if incident.service else "",
        leaf=leaf_title(incident),
        severity=incident.severity,
        started_at=began,
        lasted_seconds=((incident.resolved_at or now) - began).total_seconds(),
        bad=bad,
        usd=None if bad is None or price is None else price * Decimal(str(round(bad))),
        simulated=incident.simulated,
    )


def _bad(incident: Incident, now: datetime) -> float | None:
    """Requests over the goal from the start of the impact to its end: the most that any objective that burned lost."""
    began = incident.impact_started_at or incident.opened_at
    end = incident.mitigated_at or incident.resolved_at or now
    objectives = burnt(incident)
    lost = [
        bad_events(objective=one, start=min(began, end), end=end) for one in objectives if one.indicator in OF_REQUESTS
    ]
    return max((bad for bad, total in lost if total), default=None)


def burnt(incident: Incident) -> list[Objective]:
    """The objectives that the incident's alerts are about: those that burned, and availability where something was down."""
    alerts = list(incident.alerts.all())
    slugs = [str(alert.annotations.get("objective")) for alert in alerts if alert.kind == "burn"]
    down = [Indicator.AVAILABILITY.value] if any(alert.kind == "outage" for alert in alerts) else []
    if not slugs and not down:
        return []
    rows = Objective.objects.filter(Q(slug__in=slugs) | Q(indicator__in=down), service=incident.service)
    return list(rows.select_related("service").order_by("slug"))
