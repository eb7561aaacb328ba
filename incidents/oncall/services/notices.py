"""Notices: rows that say who should hear what about on-call itself. `oncall.watch` sends them."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from incidents.oncall.models import Schedule, ShiftNotice
from observability.core.models import User


def write(
    *, schedule: Schedule, usernames: Iterable[str], kind: ShiftNotice.Kind, text: str, decision: str, now: datetime
) -> None:
    """One notice a person, once for a decision. Who has left hears nothing."""
    asked = set(usernames)
    people = User.objects.filter(
        username__in=asked, is_active=True, memberships__organisation_id=schedule.organisation_id
    )
    ShiftNotice.objects.bulk_create(
        (
            ShiftNotice(
                organisation_id=schedule.organisation_id,
                user=person,
                schedule=schedule,
                kind=kind,
                decision=decision[:120],
                text=text,
                created_at=now,
                due_at=now,
            )
            for person in people
        ),
        ignore_conflicts=True,
    )
