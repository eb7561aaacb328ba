"""Snooze: somebody has seen it and it can wait, until a given time.

A snooze is an answer that ends: paging stops as it does when somebody acknowledges, and at its end, if the incident is
still open and not mitigated, people are paged from the start.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db import transaction

from incidents.paging import services as paging
from incidents.response import services as response
from incidents.response import severity as severities
from incidents.response.lifecycle import State
from incidents.response.models import Incident
from incidents.response.queries import answers
from incidents.response.severity import Severity
from incidents.response.timeline import TimelineKind
from observability.core import audit, claims, permissions, questions
from observability.core.permissions import Actor, Verb
from observability.core.refusals import Refused

LONGEST = timedelta(days=7)
AT_ONCE = 50


class SnoozeRefused(Refused):
    """It cannot be snoozed so; the message says why."""


def snooze(*, incident: Incident, until: datetime, actor: Actor, now: datetime) -> Incident:
    """Acknowledge it until `until`; snoozing again moves the end."""
    with transaction.atomic():
        incident = response.locked(incident)
        permissions.require(actor, Verb.SNOOZE, incident)
        if incident.state not in {State.OPEN, State.ACKNOWLEDGED}:
            raise SnoozeRefused(
                f"{incident.name} is {incident.state}: nobody is paged for it, there is nothing to snooze."
            )
        if not now < until <= now + LONGEST:
            raise SnoozeRefused(f"A snooze ends in the future, within {LONGEST.days} days.")
        incident = response.acknowledge(incident=incident, actor=actor, now=now, through="snooze")
        if incident.state == State.OPEN:
            raise SnoozeRefused(f"{incident.name} asks for more answers than yours before it is quiet.")
        # The snooze says when this answer ends, not the policy.
        incident.snoozed_until, incident.answer_until, incident.changed_at = until, None, now
        incident.save(update_fields=["snoozed_until", "answer_until", "changed_at"])
        _say(incident, f"{actor.name} snoozes it until {until:%Y-%m-%d %H:%M} UTC", until, actor, now)
    return incident


def wake(*, incident: Incident, actor: Actor, now: datetime) -> Incident:
    """End the snooze early: whoever does it is on it, so nobody is paged."""
    with transaction.atomic():
        incident = response.locked(incident)
        permissions.require(actor, Verb.SNOOZE, incident)
        if incident.snoozed_until is None:
            return incident
        incident.snoozed_until, incident.changed_at = None, now
        incident.answer_until = answers.held_until(incident=incident, since=now)
        incident.save(update_fields=["snoozed_until", "answer_until", "changed_at"])
        _say(incident, f"{actor.name} ends the snooze and is on it", None, actor, now)
    return incident


_ANY_SNOOZE_OVER = questions.Question("EXISTS (SELECT FROM incidents_incident WHERE snoozed_until <= %(now)s)")


@questions.first(_ANY_SNOOZE_OVER)
def wake_due(*, now: datetime) -> int:
    """Open and page anew what was snoozed until now; how many there were."""
    due = Incident.objects.filter(snoozed_until__lte=now).order_by("snoozed_until").values_list("pk", flat=True)
    found = list(due[:AT_ONCE])
    claims.each(found, lambda pk: _wake(pk, now), failed="incident %s could not be woken")
    return len(found)


def _wake(pk: int, now: datetime) -> None:
    with transaction.atomic():
        rows = Incident.objects.select_for_update(no_key=True, of=("self",), skip_locked=True)
        incident = rows.select_related("organisation", "service").filter(pk=pk, snoozed_until__lte=now).first()
        if incident is None:
            return  # another worker has it, or somebody ended the snooze
        if incident.state != State.ACKNOWLEDGED:
            incident.snoozed_until = None
            incident.save(update_fields=["snoozed_until"])
            return
        response.end_answer(incident=incident, reason="the snooze is over and it is still open", now=now)
        if severities.pages(Severity(incident.severity)) or incident.escalation_run:
            paging.begin(incident=incident, now=now)


def _say(incident: Incident, sentence: str, until: datetime | None, actor: Actor, now: datetime) -> None:
    payload = {"sentence": sentence, "until": until.isoformat() if until else None}
    response.write_timeline(incident=incident, kind=TimelineKind.SNOOZED, now=now, actor=actor, payload=payload)
    audit.record(actor=actor, verb=Verb.SNOOZE, obj=incident, now=now, payload=payload)
