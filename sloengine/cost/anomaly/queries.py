"""The ledger as series by the hour, what was found in them, and what people said of it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection
from datetime import datetime, timedelta

import holidays
import numpy as np
from django.conf import settings
from django.db import connection
from django.db.models import Q, QuerySet

from observability.core.models import Organisation
from sloengine.budgets.models import Finding, FindingKind
from sloengine.cost.anomaly.feedback import Foreseen
from sloengine.cost.anomaly.judging import Key, Use
from sloengine.cost.anomaly.models import CostFeedback
from sloengine.cost.ledger.queries import Spend, spend
from sloengine.cost.ledger.stretches import HOUR, day_of

#: Six weeks: four to learn from, two to compare with.
HISTORY = timedelta(days=42)
#: Hours that are read anew each time; what is imported later for hours before them is seen from the next day on.
AGAIN = timedelta(hours=6)

_kept: dict[tuple[object, int], tuple[datetime, datetime, dict[Key, dict[datetime, tuple[float, float, float]]]]] = {}


def forget_use() -> None:
    _kept.clear()


def use(*, organisation: Organisation, until: datetime) -> tuple[datetime, Use]:
    """Six weeks of every service's tenants up to `until`, and the hour that they begin with. Hours before a tenant's first are
    unknown, hours without use after it are 0. What this process has read of the same day is not read again."""
    start = day_of(until - HISTORY)
    place = connection.settings_dict["NAME"], organisation.pk
    began, known, rows = _kept.get(place, (start, start, {}))
    if began != start or known > until:
        known, rows = start, {}
    since = max(start, known - AGAIN)
    for hours in rows.values():
        for at in [one for one in hours if one >= since]:
            del hours[at]
    for one in spend(
        organisation=organisation, since=since, until=until, by=("service", "tenant", "hour"), now=until, running=False
    ):
        service, tenant, hour = one.key
        at = datetime.fromisoformat(hour).replace(tzinfo=dt.UTC)
        rows.setdefault((service, tenant), {})[at] = _figures(one)
    _kept[place] = start, until, rows
    return start, _matrix(rows, start, until)


def _figures(one: Spend) -> tuple[float, float, float]:
    usd = one.usd
    return float(one.requests), float(one.all_tokens), float("nan") if usd is None else float(usd)


def _matrix(rows: dict[Key, dict[datetime, tuple[float, float, float]]], start: datetime, until: datetime) -> Use:
    keys = sorted(key for key, hours in rows.items() if hours)
    length = int((until - start) / HOUR)
    found = np.full((3, len(keys), length), np.nan)
    for row, key in enumerate(keys):
        hours = rows[key]
        found[:, row, int((min(hours) - start) / HOUR) :] = 0.0
        for at, figures in hours.items():
            found[:, row, int((at - start) / HOUR)] = figures
    return Use(keys, *found)


def days_off(*, start: datetime, until: datetime) -> Collection[dt.date]:
    """The public holidays of TAILWATCH_HOLIDAYS; none where it names no country."""
    country = settings.TAILWATCH_HOLIDAYS
    if not country:
        return ()
    named = holidays.country_holidays(country, years=range(start.year, until.year + 1))
    return [date for date in named if start.date() <= date <= until.date()]


def foreseen(*, organisation: Organisation) -> list[Foreseen]:
    rows = CostFeedback.objects.filter(organisation=organisation).select_related("service")
    return [Foreseen(row.service.slug, row.tenant, row.since, row.until, row.driver, row.factor) for row in rows]


def feedback(*, organisation: Organisation) -> QuerySet[CostFeedback]:
    """Newest first."""
    rows = CostFeedback.objects.filter(organisation=organisation).select_related("service")
    return rows.order_by("-made_at", "-pk")


def anomalies(*, organisation: Organisation, since: datetime) -> QuerySet[Finding]:
    """What fires now, and what was found since: newest first."""
    rows = Finding.objects.filter(Q(state="firing") | Q(since__gte=since), organisation=organisation)
    rows = rows.filter(Q(kind=FindingKind.COST) | Q(kind=FindingKind.SHIFT), evidence__has_key="tenant")
    return rows.select_related("service").order_by("-since", "-pk")
