"""Overrides: one person in a window. Two that conflict never both count: the second is refused and told by whom."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Q, QuerySet

from incidents.oncall.models import Schedule, ScheduleOverride, ShiftNotice, Swap
from incidents.oncall.schedule import OverrideKind
from incidents.oncall.services import notices
from incidents.oncall.services.members import members
from incidents.oncall.services.schedules import look_again
from observability.core import audit, permissions
from observability.core.permissions import Actor, Verb
from observability.core.refusals import Refused

LONGEST = timedelta(days=366)


class OverrideInvalid(Refused):
    """The window or the people cannot be; the message says why."""


class OverrideConflict(OverrideInvalid):
    """Somebody took the same time before; the message says who, when, and by whom it was entered."""

    def __init__(self, other: ScheduleOverride) -> None:
        window = f"{other.starts_at:%a %d %b %H:%M} to {other.ends_at:%a %d %b %H:%M} UTC"
        super().__init__(
            f"{other.username} already has {window} (entered by {other.made_by}). Take another time, or cancel that first."
        )
        self.other = other


def add_override(
    *,
    schedule: Schedule,
    username: str,
    starts_at: datetime,
    ends_at: datetime,
    actor: Actor,
    now: datetime,
    kind: OverrideKind = OverrideKind.COVER,
    instead_of: str = "",
    reason: str = "",
    swap: Swap | None = None,
) -> ScheduleOverride:
    """Put `username` into [starts_at, ends_at), from now on at the earliest: the past is not changed."""
    permissions.require(actor, Verb.OVERRIDE, schedule)
    named = {username, instead_of} - {""}
    members(organisation=schedule.organisation, usernames=named)
    begins = max(starts_at, now)
    if ends_at <= begins:
        raise OverrideInvalid("An override ends after it starts, and after now: what was is not changed.")
    if ends_at - begins > LONGEST:
        raise OverrideInvalid("An override of more than a year is a change of the schedule itself.")
    if kind is OverrideKind.INSTEAD and (not instead_of or instead_of == username):
        raise OverrideInvalid("Say whom the person stands in for.")
    with transaction.atomic():
        # The schedule's row is the gate: two at once come one after the other, and the second sees the first.
        Schedule.objects.select_for_update(no_key=True).get(pk=schedule.pk)
        rival = _rivals(schedule, kind, username, instead_of, begins, ends_at).first()
        if rival is not None:
            raise OverrideConflict(rival)
        override = ScheduleOverride.objects.create(
            schedule=schedule,
            kind=kind.value,
            username=username,
            instead_of=instead_of,
            starts_at=begins,
            ends_at=ends_at,
            reason=reason.strip()[:300],
            swap=swap,
            made_at=now,
            made_by=actor.name,
        )
        look_again(schedule=schedule, now=now)
        _tell(override, actor, f"{actor.name} put you on call", "made", now)
        audit.record(actor=actor, verb="add_override", obj=override, now=now, payload=_payload(override))
    return override


def cancel_override(*, override: ScheduleOverride, actor: Actor, now: datetime) -> ScheduleOverride:
    """It no longer counts from now on; who had it hears so."""
    permissions.require(actor, Verb.OVERRIDE, override.schedule)
    with transaction.atomic():
        Schedule.objects.select_for_update(no_key=True).get(pk=override.schedule_id)
        override = ScheduleOverride.objects.select_related("schedule").get(pk=override.pk)
        if override.cancelled_at is not None or override.ends_at <= now:
            return override
        override.cancelled_at = now
        override.save(update_fields=["cancelled_at"])
        look_again(schedule=override.schedule, now=now)
        _tell(override, actor, f"{actor.name} took back that you are on call", "cancelled", now)
        audit.record(actor=actor, verb="cancel_override", obj=override, now=now, payload=_payload(override))
    return override


def active(*, schedule: Schedule, now: datetime) -> list[ScheduleOverride]:
    """Those that count now or later, by when they start."""
    rows = ScheduleOverride.objects.filter(schedule=schedule, ends_at__gt=now, cancelled_at=None)
    return list(rows.order_by("starts_at", "pk"))


def _rivals(
    schedule: Schedule, kind: OverrideKind, username: str, instead_of: str, begins: datetime, ends_at: datetime
) -> QuerySet[ScheduleOverride]:
    rows = ScheduleOverride.objects.filter(schedule=schedule, ends_at__gt=begins, starts_at__lt=ends_at)
    rows = rows.filter(Q(cancelled_at=None) | Q(cancelled_at__gt=begins))
    if kind is OverrideKind.COVER:
        return rows.filter(kind=OverrideKind.COVER.value)
    if kind is OverrideKind.INSTEAD:
        return rows.filter(kind=OverrideKind.INSTEAD.value, instead_of=instead_of)
    return rows.filter(kind=OverrideKind.SHADOW.value, username=username)


def _tell(override: ScheduleOverride, actor: Actor, what: str, verb: str, now: datetime) -> None:
    """Who is put in hears it, unless they did it themselves."""
    if override.username == actor.name:
        return
    window = f"{override.starts_at:%a %d %b %H:%M} to {override.ends_at:%a %d %b %H:%M} UTC"
    word = " as a shadow" if override.kind == OverrideKind.SHADOW else ""
    text = f"{what}{word} in {override.schedule.name}, {window}." + (f" {override.reason}" if override.reason else "")
    notices.write(
        schedule=override.schedule,
        usernames=[override.username],
        kind=ShiftNotice.Kind.OVERRIDE,
        text=text,
        decision=f"override {override.pk} {verb}",
        now=now,
    )


def _payload(override: ScheduleOverride) -> dict[str, object]:
    return {
        "schedule": override.schedule.slug,
        "kind": override.kind,
        "person": override.username,
        "instead_of": override.instead_of,
        "starts_at": override.starts_at.isoformat(),
        "ends_at": override.ends_at.isoformat(),
    }
