"""The routes that count, and their versions."""

from __future__ import annotations

from django.db.models import QuerySet

from incidents.alerts.routing import Routes, Settings, load
from incidents.oncall.models import EscalationPolicy
from incidents.routing.models import RouteDocument
from observability.core.models import Organisation


def current(*, organisation_id: int) -> RouteDocument | None:
    return RouteDocument.objects.filter(organisation_id=organisation_id).select_related("by").first()


def routes(*, organisation_id: int) -> Routes:
    """The routes in force; none were set → the defaults. What is stored was validated when it was stored."""
    document = current(organisation_id=organisation_id)
    return load(document.text) if document is not None else Routes()


def versions(*, organisation: Organisation) -> QuerySet[RouteDocument]:
    return RouteDocument.objects.filter(organisation=organisation).select_related("by")


def policy_slug(*, organisation: Organisation, settings: Settings) -> str:
    """The escalation policy that a route chose: by its slug, else that of the team it names; "" where it chose neither."""
    if settings.policy is not None or settings.team is None:
        return settings.policy or ""
    of_team = EscalationPolicy.objects.filter(organisation=organisation, team__slug=settings.team)
    return of_team.values_list("slug", flat=True).first() or ""
