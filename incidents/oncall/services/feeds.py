"""Calendar feeds: a secret address that a calendar program reads."""

from __future__ import annotations

from datetime import datetime

from django.conf import settings
from django.db import transaction

from incidents.oncall.models import CalendarFeed, Schedule
from observability.core import audit, permissions, tokens
from observability.core.models import Organisation, User
from observability.core.permissions import Actor, Verb


def make_feed(
    *, organisation: Organisation, user: User, actor: Actor, now: datetime, schedule: Schedule | None = None
) -> str:
    """The address, shown this once, of a schedule or (None) of the person's own shifts. The one before stops working."""
    permissions.require(actor, Verb.VIEW, schedule or organisation)
    plain, hashed = tokens.new_token()
    with transaction.atomic():
        feed, _ = CalendarFeed.objects.update_or_create(
            organisation=organisation,
            user=user,
            schedule=schedule,
            defaults={"token_hash": hashed, "created_at": now},
        )
        payload = {"schedule": schedule.slug if schedule is not None else None, "user": user.username}
        audit.record(actor=actor, verb="make_calendar_feed", obj=feed, now=now, payload=payload)
    return f"{settings.TAILWATCH_BASE_URL}/oncall/feed/{plain}.ics"


def remove_feed(*, feed: CalendarFeed, actor: Actor, now: datetime) -> None:
    """The address stops working."""
    permissions.require(actor, Verb.VIEW, feed)
    with transaction.atomic():
        audit.record(actor=actor, verb="remove_calendar_feed", obj=feed, now=now, payload={"user": feed.user.username})
        feed.delete()
