"""Calling people in, and where they talk."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction

from incidents.command import links
from incidents.command.links import LinkRefused
from incidents.paging import queries as pagers
from incidents.paging import services as paging
from incidents.paging.models import Page
from incidents.response import services as response
from incidents.response.models import Incident
from incidents.response.timeline import TimelineKind
from observability.core import audit, permissions
from observability.core.models import User
from observability.core.permissions import Actor, Verb
from observability.core.refusals import Refused


class ResponderRefused(Refused):
    """This person cannot be called in; the message says why."""


def add_responder(*, incident: Incident, person: User, actor: Actor, now: datetime, reason: str = "") -> Incident:
    """Page a person through all of their pagers and ask them to join, whoever is on call. Asking again pages again."""
    with transaction.atomic():
        incident = response.locked(incident)
        permissions.require(actor, Verb.ADD_RESPONDER, incident)
        if not incident.is_open:
            raise ResponderRefused(f"{incident.name} is resolved: nobody is called in any more.")
        if not incident.organisation.memberships.filter(user=person, user__is_active=True).exists():
            raise ResponderRefused(f"{person} does not belong to {incident.organisation}.")
        endpoints = [one for one in pagers.pagers(incident=incident, users=[person.pk]).defer("secret") if one.ready]
        if not endpoints and incident.drill:
            raise ResponderRefused(f"{person} takes no part in this drill, and its messages reach only those who do.")
        if not endpoints:
            raise ResponderRefused(f"{person} has no pager that works: call them yourself, or ask somebody else.")
        said = f"asked by {actor.name}" + (f": {reason.strip()}" if reason.strip() else "")
        paging.write_pages(
            incident=incident,
            endpoints=endpoints,
            kind=Page.Kind.ASKED,
            reason=said[:200],
            decision=f"asked {person.pk} at {now.isoformat(timespec='milliseconds')}",
            now=now,
        )
        payload = {"user": str(person), "reason": said}
        response.write_timeline(
            incident=incident, kind=TimelineKind.RESPONDER_ADDED, now=now, actor=actor, payload=payload
        )
        audit.record(actor=actor, verb=Verb.ADD_RESPONDER, obj=incident, now=now, payload=payload)
        Incident.objects.filter(pk=incident.pk).update(changed_at=now)
    return incident


def set_links(*, incident: Incident, chat_url: str, call_url: str, actor: Actor, now: datetime) -> Incident:
    """Where people talk about it: https addresses, empty for none."""
    try:
        chat_url, call_url = links.checked(chat_url), links.checked(call_url)
    except LinkRefused as wrong:
        raise Refused(str(wrong)) from wrong
    with transaction.atomic():
        incident = response.locked(incident)
        permissions.require(actor, Verb.NOTE, incident)
        if (chat_url, call_url) == (incident.chat_url, incident.call_url):
            return incident
        incident.chat_url, incident.call_url, incident.changed_at = chat_url, call_url, now
        incident.save(update_fields=["chat_url", "call_url", "changed_at"])
        said = ", ".join(f"{name} {url}" for name, url in (("chat", chat_url), ("call", call_url)) if url)
        payload = {"text": f"Where people talk: {said or 'nowhere'}"}
        response.write_timeline(incident=incident, kind=TimelineKind.NOTE, now=now, actor=actor, payload=payload)
        audit.record(actor=actor, verb="set_links", obj=incident, now=now, payload=payload)
    return incident
