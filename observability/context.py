"""What every page knows: the instant, the theme, where else to go, whether what is shown is simulated or can be broken."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest
from django.utils.functional import SimpleLazyObject

from incidents.actions.queries import switch
from observability.core import clock, navigation
from observability.core.access import known
from observability.core.permissions import Actor, Verb, allowed
from sloengine.catalog.models import Service

THEMES = {"light", "dark"}
NAVIGATION = {"groups": navigation.GROUPS, "short": navigation.SHORT, "in_bar": navigation.IN_BAR}


def page(request: HttpRequest) -> dict[str, Any]:
    """The context of base.html. Cheap: the one query runs only where a template asks `simulated`."""
    actor = getattr(request, "actor", None) or _reader(request)
    theme = request.COOKIES.get("theme", "")
    return {
        "navigation": NAVIGATION,
        "now": getattr(request, "moment", None) or clock.now(),
        "theme": theme if theme in THEMES else "",
        "actor": actor,
        "may": {verb.value: actor is not None and allowed(actor, verb, None) for verb in Verb},
        "demo": bool(settings.TAILWATCH_DEMO_FLEET_URL),
        "actions": SimpleLazyObject(
            lambda: switch(organisation_id=actor.organisation_id) if actor is not None else None
        ),
        "simulated": SimpleLazyObject(
            lambda: (
                actor is not None
                and Service.objects.filter(organisation_id=actor.organisation_id, simulated=True).exists()
            )
        ),
    }


def _reader(request: HttpRequest) -> Actor | None:
    """Who is logged in, on a page that no view has let them into: an address that is not there keeps its navigation."""
    user = getattr(request, "user", None)
    if user is None or not user.is_authenticated:
        return None
    try:
        return known(request).actor
    except PermissionDenied:
        return None
