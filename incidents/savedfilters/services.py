"""Keep a filter under a name, or let it go."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction

from incidents.savedfilters.models import SavedFilter
from incidents.screens.queries.lists import filters
from observability.core import audit, permissions
from observability.core.models import Organisation, User
from observability.core.permissions import Actor, Verb
from observability.core.refusals import Refused

MOST = 50


class FilterRefused(Refused):
    """It cannot be kept or removed so; the message says why."""


def save(
    *,
    organisation: Organisation,
    user: User,
    name: str,
    given: dict[str, str],
    shared: bool,
    actor: Actor,
    now: datetime,
) -> SavedFilter:
    """The list narrowed as `given` (state, service, severity, q) under this name; the same name again is written over."""
    permissions.require(actor, Verb.VIEW, organisation)
    name = name.replace("\x00", "").strip()
    if not 0 < len(name) <= 80:
        raise FilterRefused(f"A filter needs a name of 1 to 80 characters; this one has {len(name)}.")
    query = filters({**given, "page": ""}).address(1)
    with transaction.atomic():
        if SavedFilter.objects.filter(organisation=organisation, user=user).exclude(name=name).count() >= MOST:
            raise FilterRefused(f"You keep {MOST} filters already; remove one first.")
        kept, _ = SavedFilter.objects.update_or_create(
            organisation=organisation,
            user=user,
            name=name,
            defaults={"query": query[:1000], "shared": shared},
            create_defaults={"query": query[:1000], "shared": shared, "created_at": now},
        )
        payload = {"name": name, "query": query, "shared": shared}
        audit.record(actor=actor, verb="save_filter", obj=kept, now=now, payload=payload)
    return kept


def remove(*, kept: SavedFilter, actor: Actor, now: datetime) -> None:
    """One's own; an administrator removes anybody's."""
    if kept.user_id != actor.user_id:
        permissions.require(actor, Verb.MANAGE_USERS, kept)
    with transaction.atomic():
        audit.record(actor=actor, verb="remove_filter", obj=kept, now=now, payload={"name": kept.name})
        kept.delete()
