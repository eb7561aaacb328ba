"""Notices: rows that say who should hear what, without being woken. `oncall.watch` sends them."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from django.db.models import Q

from incidents.oncall import queries
from incidents.oncall.models import Schedule, ShiftNotice
from incidents.paging.models import PagerEndpoint
from observability.core.models import Organisation, User

#: What wakes people, or would open an alert elsewhere, is not for a sentence about no incident.
LOUD = (PagerEndpoint.Kind.SMS, PagerEndpoint.Kind.VOICE, PagerEndpoint.Kind.PAGERDUTY)
#: Notices that are not of a shift.
AHEAD = (ShiftNotice.Kind.SILENCE, ShiftNotice.Kind.MAINTENANCE, ShiftNotice.Kind.COST, ShiftNotice.Kind.DIGEST)


def write(
    *, schedule: Schedule, usernames: Iterable[str], kind: ShiftNotice.Kind, text: str, decision: str, now: datetime
) -> None:
    """One notice a person, once for a decision. Who has left hears nothing."""
    _write(schedule.organisation_id, usernames, (), kind, text, decision, now, schedule)


def write_ahead(
    *, organisation: Organisation, user: User | None, kind: ShiftNotice.Kind, text: str, decision: str, now: datetime
) -> None:
    """Of a silence that ends, of maintenance that begins: to who asked for it, else to the rooms and to who is on call."""
    if user is not None:
        _write(organisation.pk, [user.username], (), kind, text, decision, now)
        return
    shifts = [shift for _, shift in queries.now_on_call(organisation=organisation, at=now) if shift is not None]
    people = [name for shift in shifts for name in shift.people]
    _write(organisation.pk, people, _rooms(organisation), kind, text, decision, now)


def write_owner(*, organisation: Organisation, owner: str, text: str, decision: str, now: datetime) -> None:
    """Of money: to who answers for it and to the rooms. Who is on call is not told."""
    _write(organisation.pk, [owner], _rooms(organisation), ShiftNotice.Kind.COST, text, decision, now)


def _rooms(organisation: Organisation) -> Iterable[PagerEndpoint]:
    """Those that hear of the whole organisation, and open nothing elsewhere."""
    rooms = PagerEndpoint.objects.filter(organisation=organisation, user=None, service=None, enabled=True, drill=False)
    return rooms.exclude(kind__in=LOUD).defer("secret")


def _write(
    organisation_id: int,
    usernames: Iterable[str],
    rooms: Iterable[PagerEndpoint],
    kind: ShiftNotice.Kind,
    text: str,
    decision: str,
    now: datetime,
    schedule: Schedule | None = None,
) -> None:
    belongs = Q(memberships__organisation_id=organisation_id)
    people = User.objects.filter(belongs, username__in=set(usernames), is_active=True).distinct()
    told: list[dict[str, User | PagerEndpoint]] = [{"user": person} for person in people]
    told += [{"endpoint": room} for room in rooms]
    ShiftNotice.objects.bulk_create(
        (
            ShiftNotice(
                organisation_id=organisation_id,
                schedule=schedule,
                kind=kind,
                decision=decision[:120],
                text=text,
                created_at=now,
                due_at=now,
                **one,
            )
            for one in told
        ),
        ignore_conflicts=True,
    )
