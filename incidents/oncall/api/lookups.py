"""Teams and services that a body names by slug."""

from __future__ import annotations

from django.http import Http404

from observability.core.access import Request
from observability.core.models import Team
from sloengine.catalog.models import Service


def team_of(request: Request, slug: str) -> Team | None:
    if not slug:
        return None
    found = Team.objects.filter(organisation=request.organisation, slug=slug).first()
    if found is None:
        raise Http404(f"There is no team {slug} here.")
    return found


def service_of(request: Request, slug: str) -> Service | None:
    if not slug:
        return None
    found = Service.objects.filter(organisation=request.organisation, slug=slug).first()
    if found is None:
        raise Http404(f"There is no service {slug} here.")
    return found
