"""All promises of an organisation, or of one service, over a range."""

from __future__ import annotations

from datetime import datetime

from observability.core.models import Organisation
from sloengine.budgets.queries import kept_since
from sloengine.objectives.queries import enabled_objectives
from sloengine.overview import standing
from sloengine.overview.standing import Overview, Promise


def overview(*, organisation: Organisation, service: str = "", since: datetime, now: datetime) -> Overview:
    """What each promise attained since an instant and has left now; `service` "" is all of them."""
    every = enabled_objectives(organisation_id=organisation.pk)
    rows = [one for one in every if one.service.slug == service] if service else every
    found = kept_since(objectives=rows, since=since, now=now)
    return standing.overview(
        Promise(
            service=one.service.slug,
            name=one.service.name,
            slug=one.slug,
            title=one.title,
            target=one.target,
            attained=attained,
            left=budget.remaining_ratio,
        )
        for one, (attained, budget) in zip(rows, found, strict=True)
    )
