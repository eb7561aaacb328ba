"""What incidents cost: requests over the goal, and those at the price of a request."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from incidents.learning import queries as learning
from incidents.response.models import Incident
from incidents.screens.queries.lists import leaf_title
from observability.core.models import Organisation
from sloengine.catalog.models import Service
from sloengine.cost.queries import cost_per_1k

MOST = 200


@dataclass(frozen=True, slots=True)
class Cost:
    """One incident; `bad` is the most that any objective it burned lost, `usd` those requests at the mean price of one."""

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
    found = list(rows.select_related("service", "postmortem").order_by("-opened_at", "-pk")[:MOST])
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
    """From the postmortem's figures where there is one, for they do not fade with the rollups; else counted now."""
    postmortem = getattr(incident, "postmortem", None)
    if postmortem is not None:
        figures = postmortem.figures
        counted = [spent.get("bad") for spent in figures.get("budgets") or ()] + [figures.get("failed_requests")]
    else:
        impact = learning.impact(incident=incident, now=now)
        counted = [*(spent.bad for spent in impact.budgets), impact.failed]
    return max((float(one) for one in counted if one is not None), default=None)
