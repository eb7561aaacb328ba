"""What a spending budget says, what a window holds, and when the limit will be passed. Pure; money is Decimal.

    tenant acme may spend 1,000 USD in any 7 days (hard), 800 (soft); somebody is told at 80 and 95 % of it

A rolling window is the last n days, today included; a month is the calendar's. Days are UTC's, as the ledger sums them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal, InvalidOperation
from enum import StrEnum
from typing import Any

from dateutil.relativedelta import relativedelta

from sloengine.cost.contracts.burndown import pace
from sloengine.cost.contracts.terms import slug_of

#: Shares of the hard limit (of the soft one where there is no hard) at which somebody is told before it is reached.
ALERTS = (Decimal("0.80"), Decimal("0.95"))
#: How far ahead an overrun is looked for.
HORIZON_DAYS = 90
LONGEST_DAYS = 366


class Scope(StrEnum):
    """Whose spend counts."""

    TENANT = "tenant"
    TAG = "tag"
    TEAM = "team"


class BadBudget(ValueError):
    """Every problem of a budget, one a line: field, what was found, what is expected."""

    def __init__(self, problems: Sequence[str]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(problems))


@dataclass(frozen=True, slots=True)
class Limits:
    """`days` of a rolling window; None: the calendar month. At least one of the two limits is set, soft at most hard."""

    name: str
    scope: Scope
    who: str
    days: int | None
    soft_usd: Decimal | None
    hard_usd: Decimal | None
    owner: str
    alerts: tuple[Decimal, ...] = ALERTS
    currency: str = "USD"

    @property
    def slug(self) -> str:
        return slug_of(self.name)

    @property
    def last_limit(self) -> Decimal:
        """The hard limit; the soft one where there is no hard."""
        found = self.hard_usd if self.hard_usd is not None else self.soft_usd
        if found is None:
            raise ValueError("a budget has a limit")
        return found

    @property
    def window_said(self) -> str:
        return "calendar month" if self.days is None else "1 day" if self.days == 1 else f"{self.days} days"

    def first_day(self, today: date) -> date:
        """Of the window that ends today: 7 days up to the 10th begin on the 4th."""
        return today.replace(day=1) if self.days is None else today - timedelta(days=self.days - 1)


class Level(StrEnum):
    """How much of it is spent, the worst that holds."""

    OK = "within"
    NEAR = "near its limit"
    SOFT = "over its soft limit"
    HARD = "over its hard limit"
    UNKNOWN = "cost unknown"


@dataclass(frozen=True, slots=True)
class Spent:
    """Money by day; `unknown` tokens of the window have no price, so what is known is the least it was."""

    days: Mapping[date, Decimal]
    unknown: int = 0


@dataclass(frozen=True, slots=True)
class State:
    """`spent` in the window up to today. `overrun_on`: the first day on which the last limit is passed at this pace, `overrun_from` if
    more is spent than expected; None: not in the next 90 days, or (with `pace_known` false) nobody can say yet."""

    limits: Limits
    today: date
    spent: Decimal
    unknown: int
    level: Level
    reached: tuple[Decimal, ...]
    pace_known: bool
    overrun_on: date | None
    overrun_from: date | None

    @property
    def ratio(self) -> Decimal:
        return self.spent / self.limits.last_limit

    @property
    def left_ratio(self) -> float:
        return float(1 - self.ratio)

    @property
    def kind(self) -> str:
        if self.level is Level.OK and self.overrun_on is not None:
            return "warn"
        return {Level.OK: "ok", Level.NEAR: "warn", Level.SOFT: "warn", Level.HARD: "burn", Level.UNKNOWN: "nodata"}[
            self.level
        ]


def judge(limits: Limits, *, spent: Spent, today: date) -> State:
    """Where a budget stands today. A limit is reached when it is spent to the cent: 1,000.00 of 1,000.00 is over."""
    first = limits.first_day(today)
    amount = sum((usd for day, usd in spent.days.items() if first <= day <= today), Decimal(0))
    reached = tuple(one for one in limits.alerts if amount >= one * limits.last_limit)
    learnt = pace({day: float(usd) for day, usd in spent.days.items() if day < today}, last=today - timedelta(days=1))
    middle = (
        None
        if learnt is None
        else [one.middle for one in learnt.ahead(after=today, until=today + timedelta(days=HORIZON_DAYS))]
    )
    high = (
        None
        if learnt is None
        else [one.high for one in learnt.ahead(after=today, until=today + timedelta(days=HORIZON_DAYS))]
    )
    level = _level(limits, amount, reached, spent.unknown)
    over = amount >= limits.last_limit
    return State(
        limits=limits,
        today=today,
        spent=amount,
        unknown=spent.unknown,
        level=level,
        reached=reached,
        pace_known=learnt is not None,
        overrun_on=today if over else _overrun(limits, spent, today, middle),
        overrun_from=today if over else _overrun(limits, spent, today, high),
    )


def _level(limits: Limits, amount: Decimal, reached: Sequence[Decimal], unknown: int) -> Level:
    if limits.hard_usd is not None and amount >= limits.hard_usd:
        return Level.HARD
    if limits.soft_usd is not None and amount >= limits.soft_usd:
        return Level.SOFT
    if unknown:
        return Level.UNKNOWN
    return Level.NEAR if reached else Level.OK


def _overrun(limits: Limits, spent: Spent, today: date, ahead: Sequence[float] | None) -> date | None:
    """The first day whose window holds the limit: what is known of it, and what the days from tomorrow on will have spent."""
    if ahead is None:
        return None
    for number, sum_ahead in enumerate(ahead, start=1):
        day = today + timedelta(days=number)
        first = limits.first_day(day)
        known = sum((usd for at, usd in spent.days.items() if first <= at <= today), Decimal(0))
        before = (first - today).days - 1  # days ahead that have left the window again
        inside = sum_ahead - (ahead[before - 1] if before > 0 else 0.0)
        if float(known) + inside >= float(limits.last_limit):
            return day
    return None


# ---- reading ------------------------------------------------------------------------------------------------------

EXPECTED: Mapping[str, str] = {
    "name": "a name such as Acme, weekly",
    "scope": "tenant, tag or team",
    "who": "the tenant, tag or team that it is of",
    "window": "month, or a rolling window such as 7d, from 1d to 366d",
    "soft_usd": "USD from 0.01 on, or nothing; at most the hard limit",
    "hard_usd": "USD from 0.01 on, or nothing where there is a soft limit",
    "owner": "who answers for it: a username",
    "currency": "the currency of all prices here, such as USD",
}


def read(given: Mapping[str, Any], *, currency: str = "USD") -> Limits:
    """A budget from texts. Raises BadBudget with all that is wrong."""
    text = {name: str(given.get(name) or "").strip() for name in EXPECTED}
    problems = [
        f"{name}: found a field of this name, expected one of {', '.join(EXPECTED)}"
        for name in given
        if name not in EXPECTED
    ]
    problems += [
        f"{name}: found nothing, expected {EXPECTED[name]}"
        for name in ("name", "scope", "who", "window", "owner")
        if not text[name]
    ]

    def bad(name: str) -> None:
        problems.append(f"{name}: found {text[name]!r}, expected {EXPECTED[name]}")

    if text["name"] and not slug_of(text["name"]):
        bad("name")
    if text["scope"] and text["scope"] not in set(Scope):
        bad("scope")
    if text["currency"] and text["currency"].upper() != currency:
        problems.append(f"currency: found {text['currency']!r}, expected {currency}, the currency of all prices here")
    days = re.fullmatch(r"(\d{1,3})d", text["window"])
    if text["window"] and text["window"] != "month" and not (days and 1 <= int(days[1]) <= LONGEST_DAYS):
        bad("window")
    amounts: dict[str, Decimal | None] = {}
    for name in ("soft_usd", "hard_usd"):
        amounts[name] = _amount(text[name])
        if text[name] and amounts[name] is None:
            bad(name)
    soft, hard = amounts["soft_usd"], amounts["hard_usd"]
    if not text["soft_usd"] and not text["hard_usd"]:
        problems.append(f"hard_usd: found no limit at all, expected {EXPECTED['hard_usd']}")
    if soft is not None and hard is not None and soft > hard:
        bad("soft_usd")
    if problems:
        raise BadBudget(problems)
    return Limits(
        text["name"][:200],
        Scope(text["scope"]),
        text["who"][:200],
        int(days[1]) if days else None,
        soft,
        hard,
        text["owner"][:150],
        currency=currency,
    )


def _amount(text: str) -> Decimal | None:
    try:
        found = Decimal(text)
    except InvalidOperation:
        return None
    fits = found.is_finite() and Decimal("0.01") <= found < 10**12 and found == found.quantize(Decimal("0.01"))
    return found if fits else None


def history_from(limits: Limits, *, today: date) -> date:
    """The first day whose spend is asked for: the window's, or as far back as a pace is learnt from."""
    return min(limits.first_day(today), today - relativedelta(days=56))
