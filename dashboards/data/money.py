"""What serving cost over a range, in steps."""

from __future__ import annotations

from collections import defaultdict
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from dashboards.choice import Choice
from dashboards.reports.executive import Money
from observability.core.models import Organisation
from sloengine.cost.ledger.queries import spend

#: Of its hours or days the range before must have so many to be compared with.
KNOWN_RATIO = 0.9
MONDAY = datetime(2020, 1, 6, tzinfo=UTC)


def money(*, organisation: Organisation, choice: Choice, start: datetime, now: datetime) -> Money:
    """By the ledger: what has a price at what it cost when it was used; the range before it where that is kept, too."""
    where = {"service": choice.service} if choice.service else {}
    by = "hour" if choice.step < timedelta(days=1) else "month" if choice.range == "400d" else "day"
    found = spend(organisation=organisation, since=start, until=now, by=(by,), now=now, where=where)
    earlier = (
        spend(
            organisation=organisation, since=start - choice.span, until=start, by=(by,), now=now, where=where, running=False
        )
        if choice.range != "400d"
        else []
    )  # fmt: skip
    # A range that the ledger knows the end of alone says nothing about growth.
    known = len(earlier) >= KNOWN_RATIO * (choice.span / (timedelta(hours=1) if by == "hour" else timedelta(days=1)))
    steps: dict[datetime, Decimal | None] = defaultdict(lambda: None)
    for one in found:
        began = datetime.fromisoformat(f"{one.key[0]}-01" if by == "month" else one.key[0]).replace(tzinfo=UTC)
        at = began if by == "month" else stepped(began, choice.step)
        steps[at] = (steps[at] or Decimal()) + one.known_usd if one.usd is not None or one.known_usd else steps[at]
    tokens, unknown = sum(one.all_tokens for one in found), sum(one.unknown for one in found)
    priced = tokens > unknown
    return Money(
        usd=sum((one.known_usd for one in found), Decimal()) if priced else None,
        tokens=tokens if found else None,
        requests=sum(one.requests for one in found) if found else None,
        unpriced=unknown / tokens if tokens else 0.0,
        before=(sum((one.known_usd for one in earlier), Decimal()) or None) if known else None,
        steps=tuple(sorted(steps.items())),
        each="month" if by == "month" else choice.step_name,
    )


def stepped(at: datetime, step: timedelta) -> datetime:
    """The step that an instant lies in: steps begin at midnights and Mondays of UTC, as in the incidents' queries."""
    return MONDAY + (at - MONDAY) // step * step
