"""The only caller of queries: from rows to the values of a page."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

from dashboards.report import Choice, ObjectiveRow, SloReport
from incidents.screens.queries import costs
from observability.core.models import Organisation
from sloengine.screens import queries as slos

RANGES: Final = {"7d": timedelta(days=7), "30d": timedelta(days=30), "90d": timedelta(days=90)}
POINTS: Final = 120


def choice(given: Mapping[str, str]) -> Choice:
    """From the address; what is not understood is left out."""
    wanted = given.get("range", "")
    return Choice(
        service=given.get("service", "")[:200].replace("\x00", ""), range=wanted if wanted in RANGES else "30d"
    )


def slo_report(*, organisation: Organisation, choice: Choice, now: datetime) -> SloReport:
    """The SLO page: budgets, burn-down and incidents of the chosen services and range."""
    start = now - RANGES[choice.range]
    table = slos.slo_table(organisation=organisation, service=choice.service, now=now)
    if choice.service not in table.services:
        choice = replace(choice, service="")
        table = slos.slo_table(organisation=organisation, service="", now=now)
    curves = slos.burn_downs(organisation=organisation, service=choice.service, start=start, end=now, points=POINTS)
    rows = tuple(
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
        for row in table.rows
    )
    incidents = costs.incident_costs(organisation=organisation, service=choice.service, start=start, now=now)
    return SloReport(choice=choice, services=table.services, start=start, end=now, objectives=rows, incidents=incidents)
