"""Maintenance under way, and plans as pages list them."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db.models import Q, QuerySet

from incidents.alerts.maintenance import Plan
from incidents.alerts.matchers import parse_all
from incidents.alerts.silences import Quiet
from incidents.maintenance.models import Maintenance
from observability.core.models import Organisation

COMING = (Maintenance.State.PLANNED, Maintenance.State.ANNOUNCED, Maintenance.State.ACTIVE)


def plan_of(row: Maintenance) -> Plan:
    return Plan(
        first=datetime.fromisoformat(row.first),
        length=timedelta(seconds=row.length_seconds),
        zone=row.zone,
        rule=row.rule,
    )


def active(*, organisation_id: int, now: datetime) -> list[Quiet]:
    rows = Maintenance.objects.filter(
        organisation_id=organisation_id, state__in=COMING, starts_at__lte=now, ends_at__gt=now
    )
    return [Quiet(f"maintenance: {row.name}", parse_all(row.matchers), row.starts_at, row.ends_at) for row in rows]


def plans(*, organisation: Organisation, now: datetime) -> QuerySet[Maintenance]:
    """What is to come or under way, and what ended in the last week."""
    lately = Q(state__in=COMING) | Q(ends_at__gte=now - timedelta(days=7))
    return Maintenance.objects.filter(lately, organisation=organisation).select_related("created_by")


def due(*, now: datetime) -> QuerySet[Maintenance]:
    return Maintenance.objects.filter(due_at__lte=now).select_related("organisation").order_by("due_at", "pk")
