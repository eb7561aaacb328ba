"""What every page knows: the instant, the theme, whether anything shown is simulated, whether a demo fleet can be broken."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.utils.functional import SimpleLazyObject

from observability.core import clock
from observability.core.permissions import Verb, allowed
from sloengine.catalog.models import Service

THEMES = {"light", "dark"}


def page(request: HttpRequest) -> dict[str, Any]:
    """The context of base.html. Cheap: the one query runs only where a template asks `simulated`."""
    actor = getattr(request, "actor", None)
    theme = request.COOKIES.get("theme", "")
    return {
        "now": getattr(request, "moment", None) or clock.now(),
        "theme": theme if theme in THEMES else "",
        "actor": actor,
        "may": {verb.value: actor is not None and allowed(actor, verb, None) for verb in Verb},
        "demo": bool(settings.TAILWATCH_DEMO_FLEET_URL),
        "simulated": SimpleLazyObject(
            lambda: (
                actor is not None
                and Service.objects.filter(organisation_id=actor.organisation_id, simulated=True).exists()
            )
        ),
    }
