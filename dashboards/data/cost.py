"""The cost page: spend of the ledger by one of its keys."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

from dashboards.choice import Choice
from dashboards.data.common import known_choice
from dashboards.data.money import money
from dashboards.reports.cost import NOBODY, VIEWS, CostReport, Part
from observability.core.models import Organisation
from sloengine.cost.ledger.queries import Spend, spend


def load(*, organisation: Organisation, choice: Choice, now: datetime) -> CostReport:
    choice, services = known_choice(organisation=organisation, choice=choice)
    choice = choice if choice.view in VIEWS else choice.but(view=next(iter(VIEWS)))
    start = now - choice.span
    where = {"service": choice.service} if choice.service else {}
    found = spend(organisation=organisation, since=start, until=now, by=(choice.view,), now=now, where=where)
    hardware = [one.hardware for one in found]
    return CostReport(
        choice=choice,
        services=services,
        start=start,
        end=now,
        money=money(organisation=organisation, choice=choice, start=start, now=now),
        whole=_whole(found),
        parts=tuple(_part(one.key[0] or NOBODY, one) for one in found),
        hardware=sum((one.known for one in hardware), Decimal()) if any(one.priced for one in hardware) else None,
    )


def _part(name: str, one: Spend) -> Part:
    return Part(name, one.requests, one.quantities.requests_ok, one.all_tokens, one.unknown, one.known_usd)


def _whole(found: list[Spend]) -> Part:
    parts = [_part("", one) for one in found]
    return Part(
        name="all",
        requests=sum(one.requests for one in parts),
        answered=sum(one.answered for one in parts),
        tokens=sum(one.tokens for one in parts),
        unpriced=sum(one.unpriced for one in parts),
        usd=sum((one.usd for one in parts), Decimal()),
    )
