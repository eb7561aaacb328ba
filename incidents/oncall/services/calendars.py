"""Calendars that other programs keep: one that is handed in, or one at an address that is read again every hour."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from datetime import datetime, timedelta

from django.db import transaction

from incidents.oncall.importers import ical
from incidents.oncall.importers.ical import CalendarEvent, CalendarUnreadable
from incidents.oncall.models import CalendarSource, Schedule
from incidents.oncall.services.schedules import import_calendar
from observability.core import audit, claims, outbound, permissions, questions
from observability.core.outbound import OutboundError
from observability.core.permissions import Actor, Verb
from observability.core.refusals import Refused

LAYER = "calendar"
AHEAD = timedelta(days=400)
AGAIN = timedelta(hours=1)
#: After a failure sooner, for somebody waits for a correction.
AGAIN_AFTER_FAILURE = timedelta(minutes=10)
#: What has not changed is expanded anew, for time has gone on and 400 days ahead are further than they were.
ANEW = timedelta(days=7)
LEASE = timedelta(minutes=2)
AT_ONCE = 20

_STAMPS = re.compile(rb"^(?:DTSTAMP|LAST-MODIFIED|CREATED)[:;][^\r\n]*\r?\n", re.MULTILINE)

Get = Callable[..., outbound.Answer]


def bring_calendar(*, schedule: Schedule, text: bytes, zone: str, actor: Actor, now: datetime) -> list[CalendarEvent]:
    """Put the calendar's events of the next 400 days into the schedule; all that were read, also those that name nobody."""
    permissions.require(actor, Verb.MANAGE_ONCALL, schedule)
    events = ical.read(text=text, organisation=schedule.organisation, start=now, end=now + AHEAD, zone=zone)
    import_calendar(schedule=schedule, layer=LAYER, events=events, actor=actor, now=now)
    return events


def follow_calendar(
    *, schedule: Schedule, address: str, zone: str, actor: Actor, now: datetime, get: Get = outbound.get
) -> list[CalendarEvent]:
    """Read the calendar at the address now, and every hour from now on; in place of the one that was followed before.

    Raises Refused where it cannot be read now: an address that never worked is not kept.
    """
    permissions.require(actor, Verb.MANAGE_ONCALL, schedule)
    text = _text(address, get)
    with transaction.atomic():
        events = bring_calendar(schedule=schedule, text=text, zone=zone, actor=actor, now=now)
        found, _ = CalendarSource.objects.update_or_create(
            schedule=schedule,
            defaults={
                "address": address,
                "zone": zone,
                "digest": _digest(text),
                "read_at": now,
                "taken_at": now,
                "failing_since": None,
                "error": "",
                "made_by": actor.name,
                "due_at": now + AGAIN,
                "lease_until": None,
            },
        )
        payload = {"schedule": schedule.slug, "host": found.host}
        audit.record(actor=actor, verb="follow_calendar", obj=schedule, now=now, payload=payload)
    return events


def leave_calendar(*, schedule: Schedule, actor: Actor, now: datetime) -> None:
    """It is not read any more; the shifts that it gave stay until somebody edits the schedule."""
    permissions.require(actor, Verb.MANAGE_ONCALL, schedule)
    with transaction.atomic():
        gone, _ = CalendarSource.objects.filter(schedule=schedule).delete()
        if gone:
            payload = {"schedule": schedule.slug}
            audit.record(actor=actor, verb="leave_calendar", obj=schedule, now=now, payload=payload)


@questions.first(questions.due(CalendarSource))
def read_calendars(*, now: datetime, get: Get = outbound.get) -> int:
    """Read the calendars that are due; how many. What fails leaves the shifts as they were, and says so on the schedule's page."""
    rows = CalendarSource.objects.filter(schedule__archived_at=None).select_related(
        "schedule__organisation", "schedule__team"
    )
    claimed = claims.claim(rows, now=now, lease=LEASE, limit=AT_ONCE)
    claims.each(claimed, lambda source: _read(source, now, get), failed="%s could not be read")
    return len(claimed)


def _read(source: CalendarSource, now: datetime, get: Get) -> None:
    try:
        text = _text(source.address, get)
    except Refused as reason:
        _write(source, now, error=str(reason))
        return
    with transaction.atomic():
        # Under the lease that was taken: somebody may have followed another address, or none, meanwhile.
        mine = CalendarSource.objects.select_for_update().filter(pk=source.pk, lease_until=source.lease_until)
        if mine.exists():
            _take(source, text, now)


def _take(source: CalendarSource, text: bytes, now: datetime) -> None:
    digest = _digest(text)
    if digest == source.digest and source.taken_at is not None and now - source.taken_at < ANEW:
        _write(source, now)
        return
    actor = permissions.system(source.schedule.organisation, "calendar")
    try:
        with transaction.atomic():
            bring_calendar(schedule=source.schedule, text=text, zone=source.zone, actor=actor, now=now)
    except Refused as reason:
        _write(source, now, error=str(reason))
        return
    source.digest, source.taken_at = digest, now
    _write(source, now)


def _write(source: CalendarSource, now: datetime, *, error: str = "") -> None:
    """What came of it, where the row is still under the lease that was taken."""
    found = CalendarSource.objects.filter(pk=source.pk, lease_until=source.lease_until)
    found.update(
        error=error[:300],
        failing_since=(source.failing_since or now) if error else None,
        read_at=source.read_at if error else now,
        due_at=now + (AGAIN_AFTER_FAILURE if error else AGAIN),
        digest=source.digest,
        taken_at=source.taken_at,
        lease_until=None,
    )


def _text(address: str, get: Get) -> bytes:
    """What stands at the address. `webcal:` is what calendar programs call https."""
    url = f"https:{address.removeprefix('webcal:')}" if address.startswith("webcal:") else address
    try:
        answer = get(url=url, largest_bytes=ical.LARGEST_BYTES, headers={"Accept": "text/calendar"})
    except OutboundError as error:
        raise CalendarUnreadable(f"The calendar cannot be fetched: {error}") from error
    if answer.status_code != 200:
        moved = f"; it points to {answer.headers['location']}" if "location" in answer.headers else ""
        raise CalendarUnreadable(f"The calendar's address answered {answer.status_code}{moved}.")
    return answer.body


def _digest(text: bytes) -> str:
    """Of what stands in the calendar; some programs write into every answer when it was made."""
    return hashlib.sha256(_STAMPS.sub(b"", text)).hexdigest()
