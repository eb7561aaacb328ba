"""What an incident cost, from the engine's sums."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from django.db.models import QuerySet

from incidents.learning.models import Postmortem
from incidents.learning.postmortem import BudgetSpent, Impact
from incidents.response.models import Incident
from observability.core.models import Organisation
from sloengine.budgets.budget import budget
from sloengine.budgets.tallies import queries as tallies
from sloengine.objectives.models import Objective
from sloengine.rollups import queries as rollups


def impact(*, incident: Incident, now: datetime) -> Impact:
    """Failed requests and budget spent between impact start and mitigation (else resolution, else now)."""
    start = incident.impact_started_at
    end = incident.mitigated_at or incident.resolved_at or now
    if start is None or incident.service is None or end <= start:
        return Impact(start=start, end=end, requests=None, failed=None, budgets=())
    counted = rollups.increments(
        service=incident.service, family="requests_total", start=start, end=end, by=("outcome",)
    )
    return Impact(
        start=start,
        end=end,
        requests=sum(counted.values()) if counted else None,
        failed=sum(value for (outcome,), value in counted.items() if outcome != "ok") if counted else None,
        budgets=tuple(_spent(objective, start, end) for objective in _burnt(incident)),
    )


def _burnt(incident: Incident) -> Iterable[Objective]:
    """The objectives whose alerts the incident took, in their own order."""
    slugs = {
        evidence["objective"]
        for evidence in incident.alerts.filter(kind="burn").values_list("annotations", flat=True)
        if isinstance(evidence.get("objective"), str)
    }
    return Objective.objects.filter(service=incident.service, slug__in=slugs).order_by("slug")


def _spent(objective: Objective, start: datetime, end: datetime) -> BudgetSpent:
    """What the incident took of one objective, as shares of the budget that the SLO page shows too.

    Target 99.9 %, 10,000,000 requests in 30 days, 2,500 bad in the incident: 2,500 / 10,000 = 25 %. A budget in requests
    needs the whole window's requests: with less history than that the share cannot be told.
    """
    edges = [start, end, end - objective.window]
    sums = tallies.at(objectives=[objective.pk], edges=edges)
    first, last, before = sums.values[0]
    bad = total = share = None
    # An edge before the first sums is answered by them: of the window that is what there is, of the incident it is not known.
    if all(sums.ticks[0, place] <= edges[place].timestamp() for place in (0, 1)):
        total = float(last[tallies.TOTAL] - first[tallies.TOTAL])
        bad = total - float(last[tallies.GOOD] - first[tallies.GOOD])
        allowance = budget(
            target=objective.target,
            window=objective.window,
            bad=bad,
            total=float(last[tallies.TOTAL] - before[tallies.TOTAL]),
            covered_seconds=float(last[tallies.COVERED] - before[tallies.COVERED]),
            slice_seconds=objective.slice_seconds if objective.is_timeslices else None,
            burn_rate=None,
            firing=False,
        )
        share = allowance.spent_ratio if objective.is_timeslices or not allowance.partial else None
    return BudgetSpent(
        objective=objective.slug,
        title=objective.title,
        unit=objective.unit,
        target=float(objective.target),
        bad=bad,
        total=total,
        budget_share=share,
    )


def postmortems(*, organisation: Organisation) -> QuerySet[Postmortem]:
    """All postmortems, newest first."""
    related = ("incident", "incident__service", "edited_by", "published_by")
    found = Postmortem.objects.filter(organisation=organisation).select_related(*related)
    return found.defer("incident__diagnosis")


def postmortem(*, organisation: Organisation, number: int) -> Postmortem | None:
    """The postmortem of INC-<number>, or None."""
    return postmortems(organisation=organisation).filter(incident__number=number).first()
