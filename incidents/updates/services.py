"""Post an update, plan the next one, remind who owes it."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db import transaction

from incidents.command.models import Duty
from incidents.command.roles import Role
from incidents.paging import queries as pagers
from incidents.paging import services as paging
from incidents.paging.models import Page
from incidents.response.models import Incident, TimelineEntry
from incidents.response.timeline import TimelineKind
from incidents.updates import cadence
from incidents.updates.cadence import Audience, Impact, Phase
from incidents.updates.models import StatusUpdate, UpdateReminder
from observability.core import audit, claims, permissions, questions
from observability.core.models import User
from observability.core.permissions import Actor, Verb
from observability.core.refusals import Refused

LEASE = timedelta(seconds=60)
AT_ONCE = 50
LONGEST_TEXT = 4000


class NotPublisher(Refused):
    """Only who speaks for the incident publishes; the message says who that is."""


def plan(*, incident: Incident, now: datetime) -> None:
    """Set when each audience is to hear next, by the severity; nothing is due of what is resolved. Needs the incident locked."""
    kept = {reminder.audience: reminder for reminder in incident.reminders.all()}
    for audience in Audience:
        held = kept.get(audience)
        since = held.since if held is not None else now
        due = cadence.due_at(severity=incident.severity, audience=audience, since=since) if incident.is_open else None
        if due is None:
            incident.reminders.filter(audience=audience).delete()
        elif held is None or held.due_at != due:
            UpdateReminder.objects.update_or_create(
                incident=incident,
                audience=audience,
                defaults={"due_at": due, "lease_until": None},
                create_defaults={"organisation_id": incident.organisation_id, "since": since, "due_at": due},
            )


def post(*, incident: Incident, text: str, actor: Actor, now: datetime) -> StatusUpdate:
    """Tell colleagues where it stands: a line in the timeline that the next one is counted from."""
    permissions.require(actor, Verb.NOTE, incident)
    return _post(
        StatusUpdate(audience=Audience.INTERNAL, text=_text(text)),
        incident=incident,
        actor=actor,
        now=now,
    )


def publish(
    *,
    incident: Incident,
    headline: str,
    text: str,
    phase: Phase,
    impact: Impact,
    actor: Actor,
    now: datetime,
) -> StatusUpdate:
    """Tell everyone who reads the status page. Who commands or communicates may, and who may in every incident."""
    permissions.require(actor, Verb.NOTE, incident)
    if not permissions.allowed(actor, Verb.PUBLISH_UPDATE, incident) and actor.user_id not in speakers(incident):
        raise NotPublisher(f"Only who commands {incident.name} or communicates for it publishes: take that role first.")
    if not headline.strip():
        raise Refused("A public update needs a headline that readers outside understand.")
    wanted = StatusUpdate(
        audience=Audience.PUBLIC, phase=phase, impact=impact, headline=headline.strip()[:200], text=_text(text)
    )
    return _post(wanted, incident=incident, actor=actor, now=now)


def speakers(incident: Incident) -> set[int | None]:
    """The ids of who speaks for the incident: communications, then the commander."""
    found = Duty.objects.filter(incident=incident, role=Role.COMMUNICATIONS).values_list("holder_id", flat=True)
    return {*found, incident.commander_id} - {None}


def _text(text: str) -> str:
    text = text.strip()
    if not 0 < len(text) <= LONGEST_TEXT:
        raise Refused(f"An update needs 1 to {LONGEST_TEXT} characters; this one has {len(text)}.")
    return text


def _post(update: StatusUpdate, *, incident: Incident, actor: Actor, now: datetime) -> StatusUpdate:
    with transaction.atomic():
        incident = Incident.objects.select_for_update(no_key=True, of=("self",)).get(pk=incident.pk)
        update.organisation_id, update.incident = incident.organisation_id, incident
        update.at, update.author_id = now, actor.user_id
        update.save(force_insert=True)
        incident.reminders.filter(audience=update.audience).update(since=now)
        plan(incident=incident, now=now)
        payload = {
            "audience": update.audience,
            "phase": update.phase,
            "impact": update.impact,
            "headline": update.headline,
            "text": update.text,
        }
        TimelineEntry.objects.write(
            incident=incident, kind=TimelineKind.STATUS_UPDATE, at=now, actor=actor, payload=payload
        )
        Incident.objects.filter(pk=incident.pk).update(changed_at=now)
        audit.record(actor=actor, verb="post_update", obj=incident, now=now, payload=payload)
    return update


@questions.first(questions.due(UpdateReminder))
def remind_due(*, now: datetime) -> int:
    """Remind who owes an update that is due; how many were looked at."""
    claimed = claims.claim(UpdateReminder.objects.all(), now=now, lease=LEASE, limit=AT_ONCE)
    claims.each(claimed, lambda reminder: _remind(reminder, now), failed="%s: nobody could be reminded")
    return len(claimed)


def _remind(reminder: UpdateReminder, now: datetime) -> None:
    with transaction.atomic():
        rows = Incident.objects.select_for_update(no_key=True, of=("self",))
        incident = rows.select_related("organisation", "commander", "acknowledged_by").get(pk=reminder.incident_id)
        # Asked again under the lock: an update may have been posted, or the incident resolved, since it was claimed.
        current = UpdateReminder.objects.filter(pk=reminder.pk, due_at__lte=now).first()
        audience = Audience(reminder.audience)
        span = cadence.every(severity=incident.severity, audience=audience)
        if current is None or not incident.is_open or span is None:
            return
        who = _owes(incident, audience)
        said = f"the {audience} update is due: every {span.total_seconds() / 60:.0f} min in SEV{incident.severity}"
        if who is not None:
            paging.write_pages(
                incident=incident,
                endpoints=pagers.pagers(incident=incident, users=[who.pk]).defer("secret"),
                kind=Page.Kind.REMINDED,
                reason=said,
                decision=f"{audience} update due {reminder.due_at.isoformat(timespec='seconds')}",
                now=now,
            )
        payload = {"text": f"{who or 'Nobody commands, and'} {'is reminded: ' if who else ''}{said}"}
        TimelineEntry.objects.write(incident=incident, kind=TimelineKind.NOTE, at=now, payload=payload)
        # It was not told, so the silence goes on: reminded anew after another such span.
        current.due_at, current.lease_until = now + span, None
        current.save(update_fields=["due_at", "lease_until"])
        Incident.objects.filter(pk=incident.pk).update(changed_at=now)


def _owes(incident: Incident, audience: Audience) -> User | None:
    """Communications for the world outside, else the commander, else who answered."""
    duty = Duty.objects.filter(incident=incident, role=Role.COMMUNICATIONS).select_related("holder").first()
    if audience is Audience.PUBLIC and duty is not None and duty.holder is not None:
        return duty.holder
    return incident.commander or incident.acknowledged_by
