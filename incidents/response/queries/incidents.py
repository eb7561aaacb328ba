"""Incidents as pages ask for them."""

from __future__ import annotations

from datetime import datetime

from django.db.models import Prefetch, Q, QuerySet

from incidents.response.lifecycle import State
from incidents.response.models import Incident, TimelineEntry
from observability.core.models import Organisation
from sloengine.catalog.models import Service

#: Read along with each incident. What few of them have is fetched by itself: PostgreSQL thinks longer about a join of eight
#: tables (60 ms) than about anything else here.
_RELATED = ("organisation", "service")
_SELDOM = (
    "acknowledged_by",
    "commander",
    "declared_by",
    Prefetch("merged_into", Incident.objects.defer("diagnosis")),
    Prefetch("split_from", Incident.objects.defer("diagnosis")),
)


def incident(*, organisation: Organisation, number: int) -> Incident | None:
    """INC-<number> of the organisation with what its page shows, or None."""
    found = Incident.objects.select_related(*_RELATED).prefetch_related(*_SELDOM)
    return found.filter(organisation=organisation, number=number).first()


def unresolved(*, organisation: Organisation) -> QuerySet[Incident]:
    """What is open now, worst and newest first, without the diagnosis documents."""
    found = Incident.objects.unresolved().filter(organisation=organisation)
    return _light(found).order_by("severity", "-opened_at")


def incidents(
    *,
    organisation: Organisation,
    state: State | None = None,
    service: Service | None = None,
    severity: int | None = None,
    text: str = "",
    since: datetime | None = None,
) -> QuerySet[Incident]:
    """All incidents, newest first, narrowed by what is given; `text` looks in title, headline and INC-number."""
    where = Q(organisation=organisation)
    if state is not None:
        where &= Q(state=state)
    if service is not None:
        where &= Q(service=service)
    if severity is not None:
        where &= Q(severity=severity)
    if since is not None:
        where &= Q(opened_at__gte=since)
    if text:
        number = text.upper().removeprefix("INC-")
        same_number = Q(number=int(number)) if number.isascii() and number.isdigit() and len(number) < 9 else Q()
        words = Q(title__icontains=text) | Q(headline__icontains=text)
        where &= words | same_number if same_number else words
    return _light(Incident.objects.filter(where))


def _light(found: QuerySet[Incident]) -> QuerySet[Incident]:
    """Without the documents: one of each incident that a list touches would be most of what it reads."""
    return found.select_related(*_RELATED).prefetch_related(*_SELDOM).defer("diagnosis")


def timeline(*, incident: Incident) -> list[TimelineEntry]:
    """What happened, oldest first."""
    return list(TimelineEntry.objects.filter(incident=incident).order_by("at", "pk"))


def changed_at(*, organisation: Organisation) -> datetime | None:
    """When any incident of the organisation last changed; with it a list knows that it is still current."""
    newest = Incident.objects.filter(organisation=organisation).order_by("-changed_at").values_list("changed_at")
    row = newest.first()
    return row[0] if row else None
