"""Look at the schedules that are due, tell of hand-overs, page for gaps; send the notices."""

from __future__ import annotations

import logging
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Case, When

from incidents.oncall.models import HandoverNote, Schedule, ScheduleGap, ScheduleWatch, ShiftNotice
from incidents.oncall.queries import GAP, fallback, people_of, plan
from incidents.oncall.services import notices
from incidents.oncall.services import read_calendars as read_calendars
from incidents.oncall.walltime import Interval
from incidents.oncall.watch import decide
from incidents.oncall.watch.decide import Look
from incidents.paging import services as paging
from incidents.paging.endpoints import services as endpoints
from incidents.paging.models import PagerEndpoint
from incidents.paging.pagers import base
from incidents.response import services as response
from incidents.response.lifecycle import State
from incidents.response.models import Incident
from incidents.response.severity import Severity
from observability.core import claims, outbound, permissions, questions

log = logging.getLogger(__name__)

LEASE = timedelta(seconds=120)
SCHEDULES_AT_ONCE = 50
NOTICES_AT_ONCE = 20
TRIES = 8
#: What wakes people, or would open an alert elsewhere, is not for a sentence about a shift.
LOUD = notices.LOUD
RECENT_NOTE = timedelta(days=8)


@questions.first(questions.due(ScheduleWatch))
def watch_due(*, now: datetime) -> int:
    """Look at every schedule that is due; how many were."""
    claimed = claims.claim(ScheduleWatch.objects.all(), now=now, lease=LEASE, limit=SCHEDULES_AT_ONCE)
    claims.each(claimed, lambda watch: _look(watch.pk, now), failed="%s could not be looked at")
    return len(claimed)


def _look(schedule_id: int, now: datetime) -> None:
    with transaction.atomic():
        schedule = Schedule.objects.select_for_update(no_key=True, of=("self",)).select_related("organisation")
        found = schedule.get(pk=schedule_id)
        watch = ScheduleWatch.objects.get(pk=schedule_id)
        end = now + decide.LOOK_AHEAD
        shifts = plan(schedule=found, start=now, end=end).shifts(start=now, end=end)
        seen = decide.look(found=shifts, before=watch.people, now=now)
        if watch.looked_at is not None or seen.came:
            _tell_handover(found, seen, now)
        _keep_gaps(found, seen.gaps if found.covers_always else (), now)
        watch.people, watch.looked_at, watch.due_at, watch.lease_until = list(seen.people), now, seen.next_at, None
        watch.save(update_fields=["people", "looked_at", "due_at", "lease_until"])


def _tell_handover(schedule: Schedule, seen: Look, now: datetime) -> None:
    note = HandoverNote.objects.filter(schedule=schedule, at__gte=now - RECENT_NOTE).first()
    left = f" {note.author} left a note: {note.text}" if note is not None else ""
    until = f" until {seen.until:%a %d %b %H:%M} UTC" if seen.until is not None else ""
    if seen.came:
        text = f"You are on call in {schedule.name}{until}.{left}"
        _note(schedule, seen.came, ShiftNotice.Kind.SHIFT_BEGINS, text, now)
    if seen.went:
        after = f" {' and '.join(seen.people)} has it now." if seen.people else " Nobody has it now."
        text = f"Your shift in {schedule.name} is over.{after}"
        _note(schedule, seen.went, ShiftNotice.Kind.SHIFT_ENDS, text, now)


def _note(schedule: Schedule, usernames: tuple[str, ...], kind: ShiftNotice.Kind, text: str, now: datetime) -> None:
    decision = f"{kind.value} {schedule.pk} {now.isoformat(timespec='minutes')}"
    notices.write(schedule=schedule, usernames=usernames, kind=kind, text=text, decision=decision, now=now)


def _keep_gaps(schedule: Schedule, ahead: tuple[Interval, ...], now: datetime) -> None:
    """Bring the rows of open gaps to what lies ahead: covered or past ones close, new ones are told."""
    there = {gap.ends_at: gap for gap in schedule.gaps.filter(closed_at=None)}
    for begin, end in ahead:
        gap = there.pop(end, None)
        if gap is None:
            gap = _new_gap(schedule, begin, end, now, there)
        if gap.incident_id is None and decide.pages((begin, end), now):
            _page_for(schedule, gap, now)
    for gap in there.values():
        _close(gap, now)


def _new_gap(
    schedule: Schedule, begin: datetime, end: datetime, now: datetime, there: dict[datetime, ScheduleGap]
) -> ScheduleGap:
    """A gap seen for the first time: told in a notice. One whose end moved is the same one."""
    for old_end, gap in list(there.items()):
        if gap.starts_at < end and begin < gap.ends_at:
            gap.ends_at = end
            gap.save(update_fields=["ends_at"])
            del there[old_end]
            return gap
    gap = ScheduleGap.objects.create(schedule=schedule, starts_at=begin, ends_at=end, found_at=now)
    told = people_of(organisation=schedule.organisation, targets=fallback(organisation=schedule.organisation), at=now)
    notices.write(
        schedule=schedule,
        usernames=[one.user.username for one in told],
        kind=ShiftNotice.Kind.GAP,
        text=f"Nobody is on call in {schedule.name} {_said(gap)}. Put somebody in.",
        decision=f"gap {gap.pk}",
        now=now,
    )
    return gap


def _page_for(schedule: Schedule, gap: ScheduleGap, now: datetime) -> None:
    """A gap within a day is an incident, and the fallback is paged for it whatever its severity."""
    system = permissions.system(schedule.organisation)
    incident = response.open_incident(
        organisation=schedule.organisation,
        service=None,
        title=f"Nobody is on call in {schedule.name} {_said(gap)}",
        severity=Severity.SEV3,
        actor=system,
        now=now,
        group_key=f"{GAP}{gap.pk}",
        reason="a gap in the schedule",
    )
    paging.begin(incident=incident, now=now)
    gap.incident = incident
    gap.save(update_fields=["incident"])


def _close(gap: ScheduleGap, now: datetime) -> None:
    gap.closed_at = now
    gap.save(update_fields=["closed_at"])
    if gap.incident_id is None:
        return
    incident = Incident.objects.select_related("organisation").get(pk=gap.incident_id)
    if incident.state != State.RESOLVED:
        reason = "somebody is on call again" if gap.ends_at > now else "the gap is over"
        response.resolve(incident=incident, actor=permissions.system(incident.organisation), now=now, reason=reason)


def _said(gap: ScheduleGap) -> str:
    return f"from {gap.starts_at:%a %d %b %H:%M} to {gap.ends_at:%a %d %b %H:%M} UTC"


# ---- notices ----------------------------------------------------------------------------------------------------


@questions.first(questions.due(ShiftNotice, also="state = 'pending'"))
def send_notices(*, now: datetime, transport: base.Transport | None = None) -> int:
    """Send due notices to their people's pagers; how many were tried. Without a pager a notice waits in the web alone."""
    pending = ShiftNotice.objects.filter(state=ShiftNotice.State.PENDING)
    claimed = claims.claim(pending, now=now, lease=LEASE, limit=NOTICES_AT_ONCE)
    for notice in claimed:
        try:
            error = _send(notice, now, transport or outbound.post)
        except Exception as broken:
            # This one's own trouble (a secret of another key, say): the others are sent now, this one again later.
            log.exception("notice %s could not be sent", notice.pk)
            error = f"{type(broken).__name__}: {broken}"
        notice.attempts += 1
        notice.lease_until, notice.error = None, error[:300]
        if not error:
            notice.state, notice.sent_at = ShiftNotice.State.SENT, now
        elif notice.attempts >= TRIES:
            notice.state = ShiftNotice.State.FAILED
        else:
            notice.due_at = now + timedelta(seconds=15 * 2**notice.attempts)
        notice.save(update_fields=["attempts", "lease_until", "error", "state", "sent_at", "due_at"])
    return len(claimed)


def _send(notice: ShiftNotice, now: datetime, transport: base.Transport) -> str:
    """Why it was not sent; empty where one of the person's pagers took it, or there is none. No phone rings for it."""
    mine = PagerEndpoint.objects.filter(organisation=notice.organisation_id, enabled=True, drill=False)
    mine = mine.filter(pk=notice.endpoint_id or 0) if notice.user_id is None else mine.filter(user=notice.user_id)
    errors = []
    found = mine.exclude(kind__in=LOUD).select_related("organisation", "user").defer("secret")
    if notice.kind == ShiftNotice.Kind.DIGEST:  # long enough to be a letter: by mail where there is an address
        found = found.order_by(Case(When(kind=PagerEndpoint.Kind.EMAIL, then=0), default=1), "pk")
    for endpoint in found:
        outcome = endpoints.tell(
            endpoint=endpoint,
            sentence=notice.text,
            kind=notice.kind,
            about=notice.get_kind_display() if notice.kind in notices.AHEAD else "On call",
            key=f"notice-{notice.pk}",
            now=now,
            transport=transport,
        )
        if outcome.accepted:
            return ""
        errors.append(outcome.error)
    return "; ".join(errors)
