"""Spend by day from the ledger, and the lists. Only reads."""

from __future__ import annotations

from collections import defaultdict
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal

from django.db.models import QuerySet

from observability.core.models import Organisation
from sloengine.cost.ledger.queries import spend
from sloengine.cost.tenantbudgets.budget import Limits, Spent, State, history_from, judge
from sloengine.cost.tenantbudgets.models import SpendBudget


def budgets(*, organisation: Organisation) -> QuerySet[SpendBudget]:
    return SpendBudget.objects.filter(organisation=organisation).order_by("scope", "who", "name")


def spent(*, organisation: Organisation, limits: Limits, now: datetime) -> Spent:
    """Money by day of UTC. Tokens that have no price are counted as unknown where they lie in the window."""
    today = now.astimezone(UTC).date()
    since = datetime.combine(history_from(limits, today=today), time(), UTC)
    where = {limits.scope.value: limits.who}
    days: dict[date, Decimal] = defaultdict(Decimal)
    unknown = 0
    for one in spend(organisation=organisation, since=since, until=now, by=("day",), where=where, now=now):
        day = date.fromisoformat(one.key[0])
        days[day] += one.known_usd
        if day >= limits.first_day(today):
            unknown += one.unknown
    return Spent(days, unknown)


def state(*, budget: SpendBudget, now: datetime) -> tuple[State, Spent]:
    found = spent(organisation=budget.organisation, limits=budget.limits, now=now)
    return judge(budget.limits, spent=found, today=now.astimezone(UTC).date()), found


def daily(found: Spent, *, today: date, days: int = 56) -> list[tuple[date, Decimal]]:
    """The last days, those without spend as 0: for the chart."""
    span = (today - timedelta(days=number) for number in range(days - 1, -1, -1))
    first = min(found.days, default=today)
    return [(day, found.days.get(day, Decimal(0))) for day in span if day >= first]
