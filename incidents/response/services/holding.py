"""How an answer ends: nobody was seen to work on it for too long, or it was given for less than it has become."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction

from incidents.paging import services as paging
from incidents.response.lifecycle import State
from incidents.response.models import Incident
from incidents.response.queries import answers
from incidents.response.services.rows import (
    save,
    write_timeline,
)
from incidents.response.timeline import TimelineKind
from observability.core import claims, questions


def end_answer(*, incident: Incident, reason: str, now: datetime) -> None:
    """An answer counts no more: the incident is open again. Needs the incident locked."""
    incident.state = State.OPEN.value
    incident.acknowledged_at = incident.acknowledged_by = incident.mitigated_at = None
    incident.snoozed_until = incident.answer_until = None
    save(incident, now, "acknowledged_at", "acknowledged_by", "mitigated_at", "snoozed_until", "answer_until")
    write_timeline(incident=incident, kind=TimelineKind.ACK_EXPIRED, now=now, payload={"reason": reason})


@questions.first(answers.ANY_DUE)
def expire_answers(*, now: datetime) -> int:
    """End acknowledgements that nobody was seen to work on for as long as the policy allows, and page anew; how many ended."""
    due = answers.due(now=now)
    return sum(
        claims.each(due, lambda pk: _expire(pk, now), failed="the acknowledgement of incident %s could not be ended")
    )


def _expire(pk: int, now: datetime) -> bool:
    with transaction.atomic():
        incident = answers.claim(pk=pk, now=now)
        if incident is None:
            return False
        renewed = answers.renewed_until(incident=incident)
        if renewed is None or renewed > now:
            incident.answer_until = renewed
            incident.save(update_fields=["answer_until"])
            return False
        incident.state, incident.answer_until = State.OPEN.value, None
        save(incident, now, "answer_until")
        reason = f"no sign of life from {incident.acknowledged_by or 'anyone'} for too long"
        write_timeline(incident=incident, kind=TimelineKind.ACK_EXPIRED, now=now, payload={"reason": reason})
        paging.begin(incident=incident, now=now)
    return True
