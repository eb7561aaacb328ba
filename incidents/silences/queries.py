"""Silences that hold, and as pages list them; notices that still count."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db.models import QuerySet

from incidents.alerts.matchers import parse_all
from incidents.alerts.silences import Quiet
from incidents.silences.models import Notice, Silence
from observability.core.models import Organisation

SHOWN_AFTER_END = timedelta(days=7)


def active(*, organisation_id: int, now: datetime) -> list[Quiet]:
    rows = Silence.objects.filter(organisation_id=organisation_id, starts_at__lte=now, ends_at__gt=now)
    return [
        Quiet(f"silenced: {row.comment}"[:250], parse_all(row.matchers), row.starts_at, row.ends_at) for row in rows
    ]


def silences(*, organisation: Organisation, now: datetime) -> QuerySet[Silence]:
    """Those that hold or will, and those that ended in the last week."""
    found = Silence.objects.filter(organisation=organisation, ends_at__gte=now - SHOWN_AFTER_END)
    return found.select_related("created_by").order_by("-ends_at", "-pk")


def due(*, now: datetime) -> QuerySet[Silence]:
    return Silence.objects.filter(due_at__lte=now).select_related("organisation", "created_by").order_by("due_at", "pk")


def notices(*, organisation: Organisation, now: datetime) -> QuerySet[Notice]:
    return Notice.objects.filter(organisation=organisation, until__gt=now).select_related("user").order_by("-at", "-pk")
