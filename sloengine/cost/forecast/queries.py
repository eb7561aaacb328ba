"""The ledger's closed days as series by service, and what they say of the quarter. Only reads."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta

from observability.core.models import Organisation
from sloengine.catalog.models import Service
from sloengine.cost.forecast.ahead import MOST_DAYS, Forecast, forecast
from sloengine.cost.ledger.models import LedgerCursor
from sloengine.cost.ledger.queries import spend
from sloengine.cost.ledger.stretches import day_of


@dataclass(frozen=True, slots=True)
class Outlook:
    """Of one service: `tokens_by_day` are the closed days that the forecast was learnt from (UTC)."""

    service: str
    last: date
    tokens_by_day: dict[date, float]
    tokens: Forecast
    requests: Forecast

    @property
    def tokens_a_day(self) -> float | None:
        """The mean of the last seven closed days; None where none is known."""
        days = [amount for day, amount in self.tokens_by_day.items() if self.last - timedelta(days=7) < day]
        return sum(days) / min(7, self.tokens.days) if days else None


def outlooks(*, organisation: Organisation, now: datetime, service: str = "") -> list[Outlook]:
    """One a service, by name; of those that used nothing in half a year the state says so."""
    services = Service.objects.filter(organisation=organisation, **({"slug": service} if service else {}))
    slugs = list(services.order_by("slug").values_list("slug", flat=True))
    closed = last_days(organisation=organisation, now=now)
    tokens: dict[str, dict[date, float]] = {slug: {} for slug in slugs}
    requests: dict[str, dict[date, float]] = {slug: {} for slug in slugs}
    today = day_of(now)
    for one in spend(
        organisation=organisation, since=today - timedelta(days=MOST_DAYS + 1), until=today, by=("service", "day"), now=now,
        running=False, where={"service": service} if service else None,
    ):  # fmt: skip
        slug, day = one.key
        tokens[slug][date.fromisoformat(day)] = float(one.all_tokens)
        requests[slug][date.fromisoformat(day)] = float(one.requests)
    found = []
    yesterday = (today - timedelta(days=1)).date()
    for slug in slugs:
        last = closed.get(slug, yesterday)
        found.append(
            Outlook(
                slug, last, {day: amount for day, amount in tokens[slug].items() if day <= last},
                forecast(tokens[slug], last=last), forecast(requests[slug], last=last),
            )
        )  # fmt: skip
    return found


def last_days(*, organisation: Organisation, now: datetime) -> dict[str, date]:
    """The newest day that stands in the ledger whole, by service; what is only imported has no entry."""
    rows = LedgerCursor.objects.filter(service__organisation=organisation).values_list("service__slug", "until")
    return {slug: (day_of(min(until, now)) - timedelta(days=1)).date() for slug, until in rows}
