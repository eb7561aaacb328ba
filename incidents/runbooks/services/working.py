"""People work by a runbook: opened, steps ticked off and taken back, each in the timeline with who did it."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction

from incidents.response import services as response
from incidents.response.models import Incident, TimelineEntry
from incidents.response.timeline import TimelineKind
from incidents.runbooks import queries
from incidents.runbooks.models import RunbookUse, StepTick
from observability.core import audit, permissions
from observability.core.models import Organisation
from observability.core.permissions import Actor, Verb
from observability.core.refusals import Refused


class NoSuchStep(Refused):
    """The incident's runbook has no step of that number, or the incident has no runbook yet."""


def begin(*, incident: Incident, actor: Actor, now: datetime) -> None:
    """Somebody begins to work by the incident's runbook; told once."""
    permissions.require(actor, Verb.NOTE, incident)
    book = queries.of_incident(incident=incident)
    if book is None:
        raise NoSuchStep(f"{incident.name} has no diagnosis yet, and so no runbook.")
    with transaction.atomic():
        incident = response.locked(incident)
        slug = book.runbook.slug
        if not begun(incident=incident, slug=slug):
            used(incident=incident, slug=slug, what="opened", actor=actor, now=now, title=book.runbook.title)


def tick(*, incident: Incident, number: int, done: bool, actor: Actor, now: datetime) -> None:
    """A step is done, or is not after all. Twice the same changes nothing."""
    permissions.require(actor, Verb.NOTE, incident)
    book = queries.of_incident(incident=incident)
    step = next((step for step in book.runbook.steps if step.number == number), None) if book is not None else None
    if book is None or step is None:
        raise NoSuchStep(f"The runbook of {incident.name} has no step {number}.")
    slug = book.runbook.slug
    with transaction.atomic():
        incident = response.locked(incident)
        rows = StepTick.objects.filter(incident=incident, runbook=slug, number=number)
        if rows.exists() == done:
            return
        if done:
            StepTick.objects.create(
                organisation_id=incident.organisation_id,
                incident=incident,
                runbook=slug,
                number=number,
                at=now,
                by_id=actor.user_id,
            )
        else:
            rows.delete()
        what = "done" if done else "not done"
        used(incident=incident, slug=slug, what=what, actor=actor, now=now, number=number, text=step.text)


def begun(*, incident: Incident, slug: str) -> bool:
    """Whether a person has worked by this runbook in this incident."""
    told = TimelineEntry.objects.filter(incident=incident, kind=TimelineKind.RUNBOOK, payload__runbook=slug)
    return told.exclude(actor_kind="system").exists()


def used(*, incident: Incident, slug: str, what: str, actor: Actor, now: datetime, **more: object) -> None:
    """The line in the timeline, the audit log, and when the runbook was last used: a drill is told by its end."""
    payload = {"what": what, "runbook": slug, **more}
    response.write_timeline(incident=incident, kind=TimelineKind.RUNBOOK, now=now, actor=actor, payload=payload)
    audit.record(actor=actor, verb="use_runbook", obj=incident, now=now, payload=payload)
    Incident.objects.filter(pk=incident.pk).update(changed_at=now)
    if not incident.drill:
        _stamp(incident.organisation, slug, used_at=now)


def drilled(*, organisation: Organisation, slug: str, now: datetime) -> None:
    """A drill that called for this runbook has ended."""
    _stamp(organisation, slug, drilled_at=now)


def _stamp(organisation: Organisation, slug: str, **at: datetime) -> None:
    RunbookUse.objects.update_or_create(organisation=organisation, slug=slug, defaults=at)
