"""The contract page: the standing of one contract."""

from __future__ import annotations

from datetime import datetime

from dashboards.choice import Choice
from dashboards.reports.contract import ContractReport
from observability.core.models import Organisation
from sloengine.cost.contracts import queries


def load(*, organisation: Organisation, choice: Choice, now: datetime) -> ContractReport:
    """The one that `view` names, else the first in force."""
    rows = list(queries.contracts(organisation=organisation))
    row = next((one for one in rows if one.slug == choice.view), rows[0] if rows else None)
    reviews = (
        0
        if row is None
        else sum(
            1
            for one in queries.reviews(organisation=organisation)
            if one.contract_id == row.pk and one.closed_at is None
        )
    )
    return ContractReport(
        choice=choice.but(view=row.slug if row is not None else "", service=""),
        end=now,
        contracts=tuple((one.slug, one.name) for one in rows),
        slug=row.slug if row is not None else "",
        standing=None if row is None else queries.standing(contract=row, now=now),
        starts_on=None if row is None else row.terms.starts_on,
        open_reviews=reviews,
    )
