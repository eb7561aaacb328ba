"""Services that a request names by slug, for every router: 404 in words where the caller's organisation has none of the name."""

from __future__ import annotations

from django.http import Http404

from observability.core.access import Request
from sloengine.catalog.models import Service


def service_of(request: Request, slug: str) -> Service:
    found = Service.objects.filter(organisation=request.organisation, slug=slug).first()
    if found is None:
        raise Http404(f"There is no service {slug} here.")
    return found


def service_if_named(request: Request, slug: str | None) -> Service | None:
    """None where no slug is given: the whole organisation, or not known."""
    return service_of(request, slug) if slug else None
