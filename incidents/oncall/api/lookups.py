"""Teams that a body names by slug."""

from __future__ import annotations

from django.http import Http404

from observability.core.access import Request
from observability.core.models import Team


def team_of(request: Request, slug: str) -> Team | None:
    if not slug:
        return None
    found = Team.objects.filter(organisation=request.organisation, slug=slug).first()
    if found is None:
        raise Http404(f"There is no team {slug} here.")
    return found
