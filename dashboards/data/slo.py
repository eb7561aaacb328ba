"""The SLO page: budgets, burn-down and incidents of the chosen services and range."""

from __future__ import annotations

from datetime import datetime

from dashboards.choice import Choice
from dashboards.data.common import known_choice
from dashboards.reports.slo import ObjectiveRow, SloReport
from incidents.screens.queries import costs
from observability.core.models import Organisation
from sloengine.overview import queries as overviews
from sloengine.screens import queries as slos

POINTS = 60
#: So many lines are drawn and so many rows shown, those with least left first.
LINES, ROWS = 6, 25


def load(*, organisation: Organisation, choice: Choice, now: datetime) -> SloReport:
    choice, services = known_choice(organisation=organisation, choice=choice)
    start = now - choice.span
    overview = overviews.overview(organisation=organisation, service=choice.service, since=start, now=now)
    keys = [(one.service, one.slug) for one in overview.promises[:ROWS]]
    curves = slos.burn_downs(organisation=organisation, keys=keys[:LINES], start=start, end=now, points=POINTS)
    objectives = tuple(
        ObjectiveRow(
            service=row.service,
            slug=row.slug,
            title=row.title,
            target=row.target,
            attained=row.attained,
            left=row.left,
            bad=row.bad,
            total=row.total,
            kind=row.kind,
            word=row.word,
            burn_down=curves.get((row.service, row.slug), ()),
        )
        for row in slos.slo_rows(organisation=organisation, keys=keys, now=now)
    )
    incidents = costs.incident_costs(organisation=organisation, service=choice.service, start=start, now=now)
    return SloReport(
        choice=choice,
        services=services,
        start=start,
        end=now,
        overview=overview,
        objectives=objectives,
        incidents=incidents,
    )
