"""Which stretches of time do not count for which objectives, and what was adjusted."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal

from django.db.models import Q

from observability.core import questions
from sloengine.budgets.exclusions.calendar import Stretch, stretches, united, widened
from sloengine.budgets.exclusions.models import Adjustment, Exclusion
from sloengine.objectives.models import Objective

_ANY = "SELECT EXISTS (SELECT FROM sloengine_exclusion WHERE organisation_id = %(organisation)s)"


def exclusions(*, organisation_id: int, start: datetime, end: datetime) -> list[Exclusion]:
    """Those that may touch start..end: what happens once and is over is left to the database."""
    if not questions.holds(_ANY, organisation=organisation_id):
        return []
    rows = Exclusion.objects.filter(organisation=organisation_id, starts_at__lt=end)
    rows = rows.filter(Q(until=None) | Q(until__gt=start))
    return [row for row in rows.order_by("starts_at", "pk") if row.rrule or row.starts_at + row.duration > start]


def stretches_of(
    *, objectives: Sequence[Objective], start: datetime, end: datetime, now: datetime
) -> dict[int, list[Stretch]]:
    """By objective's key, the parts of start..end that do not count, widened to what history keeps; most have none."""
    found: dict[int, list[Stretch]] = defaultdict(list)
    for organisation in {one.organisation_id for one in objectives}:
        for row in exclusions(organisation_id=organisation, start=start, end=end):
            touched = [one.pk for one in objectives if one.organisation_id == organisation and row.touches(one)]
            parts = stretches(row.rule, start=start, end=end) if touched else []
            for pk in touched:
                found[pk] += parts
    return {pk: united(widened(one, now=now) for one in parts) for pk, parts in found.items() if parts}


def adjustments(objectives: Sequence[Objective]) -> Mapping[int, list[tuple[datetime, Decimal]]]:
    """By objective, when and by how much its budget was adjusted."""
    found: dict[int, list[tuple[datetime, Decimal]]] = defaultdict(list)
    rows = Adjustment.objects.filter(objective__in=[one.pk for one in objectives])
    for pk, at, ratio in rows.values_list("objective_id", "at", "ratio"):
        found[pk].append((at, ratio))
    return found
