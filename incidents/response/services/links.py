"""Answering by a link that was sent to one person."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction

from incidents.paging import services as paging
from incidents.paging.services import LinkVerdict
from incidents.response.lifecycle import State
from incidents.response.models import Incident
from incidents.response.services.moves import acknowledge, resolve
from observability.core import permissions


def acknowledge_by_link(*, token: str, now: datetime) -> tuple[LinkVerdict, Incident | None]:
    """Acknowledge as the person to whom the link was sent; the verdict says why nothing was done, where so."""
    with transaction.atomic():
        verdict, link = paging.find_link(token=token, now=now, lock=True)
        if verdict is not LinkVerdict.GOOD or link is None:
            return verdict, link.page.incident if link is not None else None
        actor = permissions.holder(link.user, link.page.incident.organisation)
        incident = link.page.incident
        if incident.state != State.RESOLVED:
            incident = acknowledge(incident=incident, actor=actor, now=now, through=f"link of page {link.page_id}")
        link.used_at = now
        link.save(update_fields=["used_at"])
    return verdict, incident


def resolve_by_link(*, token: str, now: datetime) -> tuple[LinkVerdict, Incident | None]:
    """Resolve as the person to whom the link was sent: also after they acknowledged by it, until it expires."""
    with transaction.atomic():
        verdict, link = paging.find_link(token=token, now=now, lock=True)
        if link is None or link.expires_at <= now:
            return (verdict if link is None else LinkVerdict.EXPIRED), link.page.incident if link is not None else None
        actor = permissions.holder(link.user, link.page.incident.organisation)
        incident = link.page.incident
        if incident.state != State.RESOLVED:
            incident = resolve(incident=incident, actor=actor, now=now)
        link.used_at = link.used_at or now
        link.save(update_fields=["used_at"])
    return LinkVerdict.GOOD, incident
