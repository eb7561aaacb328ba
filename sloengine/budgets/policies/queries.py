"""Where budgets stand in their policies."""

from __future__ import annotations

from django.db.models import QuerySet

from observability.core.models import Organisation
from sloengine.budgets.policies.models import BudgetPolicy, PolicyStanding
from sloengine.budgets.policy import FREE, Policy, parse, shipped
from sloengine.catalog.models import Service


def policies(*, organisation_id: int) -> dict[str, Policy]:
    """By name; "default" is there always, "" means it too."""
    found = {row.name: parse(row.text) for row in BudgetPolicy.objects.filter(organisation=organisation_id)}
    found.setdefault("default", shipped())
    return {**found, "": found["default"]}


def standings(*, organisation: Organisation, service: Service | None = None) -> QuerySet[PolicyStanding]:
    """The objectives at which a step is in force, the most spent first: what a gate asks before a release."""
    rows = PolicyStanding.objects.filter(objective__organisation=organisation, objective__enabled=True)
    rows = rows.exclude(step=FREE).select_related("objective__service")
    if service is not None:
        rows = rows.filter(objective__service=service)
    return rows.order_by("-spent_ratio", "objective__service__slug", "objective__slug")
