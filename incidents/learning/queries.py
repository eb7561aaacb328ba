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
from sloengine.budgets.models import Tally
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
    first, last = _at(objective, start), _at(objective, end)
    before = _at(objective, end - objective.window) or _first(objective)
    bad = total = share = None
    if last is not None and first is not None and before is not None:
        total = last.total - first.total
        bad = total - (last.good - first.good)
        allowance = budget(
            target=objective.target,
            window=objective.window,
            bad=bad,
            total=last.total - before.total,
            covered_seconds=last.covered_seconds - before.covered_seconds,
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


def _at(objective: Objective, at: datetime) -> Tally | None:
    return Tally.objects.filter(objective=objective, tick__lte=at).order_by("-tick").first()


def _first(objective: Objective) -> Tally | None:
    return Tally.objects.filter(objective=objective).order_by("tick").first()


def postmortems(*, organisation: Organisation) -> QuerySet[Postmortem]:
    """All postmortems, newest first."""
    related = ("incident", "incident__service", "edited_by", "published_by")
    found = Postmortem.objects.filter(organisation=organisation).select_related(*related)
    return found.defer("incident__diagnosis")


def postmortem(*, organisation: Organisation, number: int) -> Postmortem | None:
    """The postmortem of INC-<number>, or None."""
    return postmortems(organisation=organisation).filter(incident__number=number).first()
