"""Endpoints as the page and the REST interface list them."""

from __future__ import annotations

from django.db.models import QuerySet

from incidents.paging.models import Carrier, PagerEndpoint
from observability.core.models import Organisation
from observability.core.permissions import Actor, Verb, allowed


def endpoints(*, organisation: Organisation, actor: Actor) -> QuerySet[PagerEndpoint]:
    """The actor's own, rooms, and for who manages pagers everyone's; without their secrets."""
    found = PagerEndpoint.objects.filter(organisation=organisation)
    if not allowed(actor, Verb.MANAGE_PAGERS, organisation):
        found = found.filter(user=actor.user_id) | found.filter(user=None)
    return found.select_related("user", "service").defer("secret").order_by("user__username", "name")


def carriers(*, organisation: Organisation) -> QuerySet[Carrier]:
    """The accounts that send texts and calls, in the order in which they are tried."""
    return Carrier.objects.filter(organisation=organisation).defer("secret")
