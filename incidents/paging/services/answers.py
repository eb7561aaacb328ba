"""Who has answered, where a policy asks for more than one."""

from __future__ import annotations

from datetime import datetime

from incidents.paging import escalation
from incidents.paging.models import Acknowledgement, Page
from incidents.response.models import Incident


def answered(*, incident: Incident, user_id: int | None, name: str, now: datetime) -> int:
    """Write an answer down and stop that person's pages; how many more people it needs. Needs the incident locked.

    Where several people are asked for, who answers without a name (a vendor that does not say for whom) is none of them.
    """
    if user_id is None:
        return still_needed(incident=incident)
    Acknowledgement.objects.get_or_create(
        incident=incident,
        run=incident.escalation_run,
        user_id=user_id,
        defaults={"organisation_id": incident.organisation_id, "at": now},
    )
    needed = still_needed(incident=incident)
    if needed:
        incident.pages.filter(state=Page.State.PENDING, user_id=user_id).update(
            state=Page.State.CANCELLED, closed_reason=f"acknowledged by {name}", lease_until=None
        )
    return needed


def still_needed(*, incident: Incident) -> int:
    """How many more people have to answer: two are asked for and one did → 1."""
    asked = escalation.from_snapshot(incident.escalation).acknowledgements
    if asked <= 1:
        return 0
    given = Acknowledgement.objects.filter(incident=incident, run=incident.escalation_run).count()
    return max(0, asked - given)
