"""Ask for the week in a message, have no more of it, and write those that are due."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from django.db import transaction

from incidents.digests.models import WeeklyDigest
from incidents.digests.when import next_monday
from incidents.oncall.models import ShiftNotice
from incidents.oncall.services import notices
from observability.core import audit, claims, permissions
from observability.core.models import Organisation, User
from observability.core.permissions import Actor, Verb

log = logging.getLogger(__name__)

LEASE = timedelta(minutes=5)
AT_ONCE = 20

#: What is written to a person: of their organisation, at an instant.
Write = Callable[[Organisation, datetime], str]


@transaction.atomic
def subscribe(*, organisation: Organisation, user: User, actor: Actor, now: datetime) -> WeeklyDigest:
    """From next Monday on. Asked for twice it is one, and goes by the person's present time zone."""
    permissions.require(actor, Verb.VIEW, organisation)
    due_at = next_monday(now, ZoneInfo(user.time_zone))
    digest, fresh = WeeklyDigest.objects.update_or_create(
        organisation=organisation,
        user=user,
        defaults={"due_at": due_at},
        create_defaults={"due_at": due_at, "created_at": now},
    )
    if fresh:
        audit.record(actor=actor, verb="subscribe_digest", obj=digest, now=now, payload={"user": user.username})
    return digest


@transaction.atomic
def unsubscribe(*, organisation: Organisation, user: User, actor: Actor, now: datetime) -> bool:
    """Whether there was one."""
    permissions.require(actor, Verb.VIEW, organisation)
    digest = WeeklyDigest.objects.select_for_update().filter(organisation=organisation, user=user).first()
    if digest is None:
        return False
    audit.record(actor=actor, verb="unsubscribe_digest", obj=digest, now=now, payload={"user": user.username})
    digest.delete()
    return True


def write_due(*, now: datetime, write: Write) -> int:
    """Hand each that is due to the outbox of notices, once a Monday, and set the next; how many. Who left gets none."""
    due = WeeklyDigest.objects.select_related("organisation", "user")
    claimed = claims.claim(due, now=now, lease=LEASE, limit=AT_ONCE)
    for digest in claimed:
        try:
            _write(digest, write, now)
        except Exception:
            # The lease runs out and it is tried again; the others are written now.
            log.exception("the week for user %s could not be written", digest.user_id)
    return len(claimed)


def _write(digest: WeeklyDigest, write: Write, now: datetime) -> None:
    member = digest.user.is_active and digest.user.memberships.filter(organisation=digest.organisation_id).exists()
    text = write(digest.organisation, now) if member else ""
    with transaction.atomic():
        if text:
            notices.write_ahead(
                organisation=digest.organisation,
                user=digest.user,
                kind=ShiftNotice.Kind.DIGEST,
                text=text,
                decision=f"digest {digest.due_at:%Y-%m-%d}",
                now=now,
            )
            digest.written_at = now
        digest.due_at, digest.lease_until = next_monday(now, ZoneInfo(digest.user.time_zone)), None
        digest.save(update_fields=["due_at", "lease_until", "written_at"])
