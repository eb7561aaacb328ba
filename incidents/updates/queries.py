"""Updates and what is due, as the incident page asks for them."""

from __future__ import annotations

from incidents.response.models import Incident
from incidents.updates.cadence import Audience
from incidents.updates.models import StatusUpdate, UpdateReminder


def updates(*, incident: Incident) -> list[StatusUpdate]:
    """What was told, newest first."""
    return list(StatusUpdate.objects.filter(incident=incident).select_related("author").order_by("-at", "-pk"))


def reminders(*, incident: Incident) -> list[UpdateReminder]:
    """When each audience is to hear next, soonest first."""
    return list(UpdateReminder.objects.filter(incident=incident).order_by("due_at"))


def last_public(*, incident: Incident) -> StatusUpdate | None:
    """What the status page says of it now, or None where nothing was published."""
    published = StatusUpdate.objects.filter(incident=incident, audience=Audience.PUBLIC)
    return published.order_by("-at", "-pk").first()
