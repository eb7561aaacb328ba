"""Make and change schedules. An edit counts from an instant on; what was before stays as it was."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction
from django.utils.text import slugify

from incidents.oncall import document as documents
from incidents.oncall.document import LayerDocument, ScheduleDocument, ScheduleInvalidError, ShiftDocument
from incidents.oncall.importers.ical import CalendarEvent
from incidents.oncall.models import HandoverNote, Schedule, ScheduleVersion, ScheduleWatch
from incidents.oncall.queries.rota import current_document, holiday_calendar
from incidents.oncall.services.members import members
from observability.core import audit, permissions
from observability.core.models import Organisation, Team
from observability.core.permissions import Actor, Verb
from observability.core.refusals import Refused

LONGEST_NOTE = 4000
#: What stands at /oncall/<word>/ beside schedules.
PAGES = {"new", "feed"}


class NoteInvalid(Refused):
    """The note is empty or too long."""


def save_schedule(
    *,
    organisation: Organisation,
    name: str,
    document: ScheduleDocument,
    actor: Actor,
    now: datetime,
    slug: str = "",
    valid_from: datetime | None = None,
    covers_always: bool = True,
    team: Team | None = None,
) -> Schedule:
    """A schedule with this document from `valid_from` on (now, where not given or past). What was planned later gives way."""
    permissions.require(actor, Verb.MANAGE_ONCALL, organisation)
    slug = slug or slugify(name)[:80]
    if slug in PAGES:
        raise ScheduleInvalidError(
            (f"a schedule cannot be called {slug}: that is another page; expected another name",)
        )
    _check(organisation, document)
    begins = max(now, valid_from or now)
    with transaction.atomic():
        found, made = Schedule.objects.get_or_create(
            organisation=organisation,
            slug=slug,
            defaults={"name": name, "created_at": now, "covers_always": covers_always, "team": team},
        )
        found = Schedule.objects.select_for_update(no_key=True).get(pk=found.pk)
        found.name, found.covers_always, found.team, found.archived_at = name, covers_always, team, None
        found.save(update_fields=["name", "covers_always", "team", "archived_at"])
        found.versions.filter(valid_from__gte=begins).delete()
        ScheduleVersion.objects.create(
            schedule=found,
            valid_from=begins,
            document=documents.stored(document),
            made_at=now,
            made_by=actor.name,
        )
        look_again(schedule=found, now=now)
        payload = {"slug": found.slug, "valid_from": begins.isoformat(), "people": sorted(document.people())}
        audit.record(
            actor=actor, verb="make_schedule" if made else "change_schedule", obj=found, now=now, payload=payload
        )
    return found


def archive_schedule(*, schedule: Schedule, actor: Actor, now: datetime) -> Schedule:
    """Nobody is on call in it any more; its past can still be asked."""
    permissions.require(actor, Verb.MANAGE_ONCALL, schedule)
    with transaction.atomic():
        schedule.archived_at = now
        schedule.save(update_fields=["archived_at"])
        ScheduleWatch.objects.filter(schedule=schedule).delete()
        schedule.gaps.filter(closed_at=None).update(closed_at=now)
        audit.record(actor=actor, verb="archive_schedule", obj=schedule, now=now, payload={"slug": schedule.slug})
    return schedule


def import_calendar(
    *, schedule: Schedule, layer: str, events: list[CalendarEvent], actor: Actor, now: datetime
) -> Schedule:
    """Put a calendar's events into the schedule as its highest layer, in place of the layer of that name."""
    shifts = tuple(
        ShiftDocument(starts=event.start, ends=event.end, people=event.people) for event in events if event.people
    )
    if not shifts:
        raise ScheduleInvalidError(("the calendar has no event with a person of this organisation in its range",))
    before = current_document(schedule=schedule, at=now)
    kept = tuple(one for one in before.layers if one.name != layer) if before is not None else ()
    zone = before.zone if before is not None else "UTC"
    document = ScheduleDocument(zone=zone, layers=(*kept, LayerDocument(name=layer, shifts=shifts)))
    return save_schedule(
        organisation=schedule.organisation,
        name=schedule.name,
        slug=schedule.slug,
        document=document,
        actor=actor,
        now=now,
        covers_always=schedule.covers_always,
        team=schedule.team,
    )


def add_note(*, schedule: Schedule, text: str, actor: Actor, now: datetime) -> HandoverNote:
    """What the next one should know; it comes with the notice that their shift begins."""
    permissions.require(actor, Verb.OVERRIDE, schedule)
    text = text.strip()
    if not 0 < len(text) <= LONGEST_NOTE:
        raise NoteInvalid(f"A note needs 1 to {LONGEST_NOTE} characters; this one has {len(text)}.")
    with transaction.atomic():
        note = HandoverNote.objects.create(schedule=schedule, at=now, author=actor.name, text=text)
        audit.record(actor=actor, verb="write_handover_note", obj=schedule, now=now, payload={"note": note.pk})
    return note


def look_again(*, schedule: Schedule, now: datetime) -> None:
    """Have the schedule's gaps and hand-overs looked at with the next beat."""
    ScheduleWatch.objects.update_or_create(schedule=schedule, defaults={"due_at": now, "lease_until": None})


def _check(organisation: Organisation, document: ScheduleDocument) -> None:
    members(organisation=organisation, usernames=document.people())
    problems = tuple(
        f"layers[{place}].holidays: {problem}"
        for place, layer in enumerate(document.layers)
        if layer.holidays is not None and (problem := holiday_calendar(layer.holidays))
    )
    if problems:
        raise ScheduleInvalidError(problems)
