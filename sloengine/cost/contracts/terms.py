"""What a committed-use contract says. Pure; amounts are Decimal, tokens are whole.

    48,000,000,000 tokens a year at 0.13 USD per 1,000; the next 10 % at 0.15; whatever is beyond at 0.19

Commitment, overage and cap count anew in each period. What is not used of the commitment is paid all the same where
`shortfall_paid`. Nothing is guessed: a field that is missing or does not fit is named with what was found and expected.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal, InvalidOperation
from enum import StrEnum
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from dateutil.relativedelta import relativedelta

from sloengine.cost.contracts import workdays

PER_TOKENS = 1000
#: The shares of the commitment at which somebody is told, once a period.
THRESHOLDS = (Decimal("0.80"), Decimal("0.90"), Decimal("0.95"), Decimal(1))
#: A review is due so many business days after the cap was passed.
REVIEW_DAYS = 5
MOST_PERIODS = 120


class Period(StrEnum):
    """What the commitment is counted over."""

    MONTH = "month"
    QUARTER = "quarter"
    YEAR = "year"
    TERM = "term"


_MONTHS = {Period.MONTH: 1, Period.QUARTER: 3, Period.YEAR: 12}


class BadContract(ValueError):
    """Every problem of a contract, one a line: field, what was found, what is expected."""

    def __init__(self, problems: Sequence[str]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(problems))


@dataclass(frozen=True, slots=True)
class Terms:
    """Days are local ones of `zone`; `ends_on` is the last day. Rates are USD per 1,000 tokens; the cap is a share of the
    commitment. No services or token classes: all of them. `carried_tokens` were used before `counted_from`, as the provider said."""

    name: str
    starts_on: date
    ends_on: date
    period: Period
    commitment_tokens: int
    rate: Decimal
    overage_rate: Decimal
    overage_cap_ratio: Decimal
    rate_beyond: Decimal
    shortfall_paid: bool = True
    currency: str = "USD"
    owner: str = ""
    country: str = ""
    zone: str = "UTC"
    services: tuple[str, ...] = ()
    token_classes: tuple[str, ...] = ()
    carried_tokens: int = 0
    counted_from: date | None = None

    @property
    def cap_tokens(self) -> int:
        """Up to here the overage rate holds: 48 B and 10 % are 52.8 B. A part of a token is none."""
        return self.commitment_tokens + int(self.commitment_tokens * self.overage_cap_ratio)

    @property
    def slug(self) -> str:
        return slug_of(self.name)

    def begins(self, day: date) -> datetime:
        """Local midnight of a day."""
        return datetime.combine(day, time(), _zone(self.zone)).astimezone(UTC)

    def day(self, at: datetime) -> date:
        return at.astimezone(_zone(self.zone)).date()


@dataclass(frozen=True, slots=True)
class Span:
    """One period of a contract: its first and last day."""

    first: date
    last: date

    @property
    def days(self) -> int:
        return (self.last - self.first).days + 1

    @property
    def key(self) -> str:
        return self.first.isoformat()


@lru_cache(maxsize=64)
def _zone(name: str) -> ZoneInfo:
    return ZoneInfo(name)


def slug_of(name: str) -> str:
    """'Acme GPU, 2026' is acme-gpu-2026."""
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:80]


def spans(terms: Terms) -> list[Span]:
    """The periods of a term, from its first day on: a quarter that begins on 15 February ends on 14 May."""
    if terms.period is Period.TERM:
        return [Span(terms.starts_on, terms.ends_on)]
    found = []
    for number in range(MOST_PERIODS + 1):
        first = terms.starts_on + relativedelta(months=_MONTHS[terms.period] * number)
        if first > terms.ends_on:
            break
        following = terms.starts_on + relativedelta(months=_MONTHS[terms.period] * (number + 1))
        found.append(Span(first, following - timedelta(days=1)))
    return found


def span_at(terms: Terms, day: date) -> Span | None:
    """The period that holds a day; None before the term and after it."""
    return next((span for span in spans(terms) if span.first <= day <= span.last), None)


def overlapping(terms: Terms, others: Iterable[Terms]) -> list[str]:
    """Contracts that would count the same tokens: one more for each, named with its dates."""
    return [
        f"overlaps with {other.name} ({other.starts_on} to {other.ends_on}): both count"
        f" {_of(terms.services, other.services, 'services')} and {_of(terms.token_classes, other.token_classes, 'tokens')};"
        " expected contracts that share no token"
        for other in others
        if terms.starts_on <= other.ends_on
        and other.starts_on <= terms.ends_on
        and _meet(terms.services, other.services)
        and _meet(terms.token_classes, other.token_classes)
    ]


def _meet(mine: Sequence[str], theirs: Sequence[str]) -> bool:
    return not mine or not theirs or bool(set(mine) & set(theirs))


def _of(mine: Sequence[str], theirs: Sequence[str], what: str) -> str:
    shared = sorted(set(mine) & set(theirs)) or sorted({*mine, *theirs})
    return f"{what} {', '.join(shared)}" if shared else f"all {what}"


# ---- reading ------------------------------------------------------------------------------------------------------

#: Every field with what is expected in it: forms, REST and YAML all come this way.
EXPECTED: Mapping[str, str] = {
    "name": "a name such as Acme 2026",
    "starts_on": "the first day of the term, such as 2026-01-01",
    "ends_on": "the last day of the term, such as 2026-12-31",
    "period": "month, quarter, year or term: what the commitment is counted over",
    "commitment_tokens": "a whole number of tokens a period above 0, such as 48000000000",
    "rate": "USD per 1,000 tokens up to the commitment, such as 0.13",
    "overage_rate": "USD per 1,000 tokens between commitment and cap, such as 0.15",
    "overage_cap_ratio": "a share of the commitment, such as 0.10",
    "rate_beyond": "USD per 1,000 tokens beyond the cap, such as 0.19",
    "shortfall_paid": "true or false: whether what is not used of the commitment is paid",
    "currency": "the currency of all prices here, such as USD",
    "owner": "who answers for it: a username",
    "country": "a country code for the holiday calendar, such as DE; empty: weekends alone are free",
    "zone": "a time zone such as Europe/Paris",
    "services": "slugs of services, with commas; empty: all of them",
    "token_classes": "token classes that count, with commas; empty: all of them",
    "carried_tokens": "tokens used before counted_from, a whole number from 0 on",
    "counted_from": "the day from which use is counted here, within the term; empty: from its first day on",
}
REQUIRED = (
    "name", "starts_on", "ends_on", "period", "commitment_tokens", "rate", "overage_rate", "overage_cap_ratio", "rate_beyond",
    "currency", "owner",
)  # fmt: skip
_TRUE, _FALSE = {"true", "yes", "on", "1"}, {"false", "no", "off", "0"}


def read(given: Mapping[str, Any], *, services: Iterable[str], classes: Iterable[str], currency: str = "USD") -> Terms:
    """A contract from texts (or YAML's numbers and days). Raises BadContract with all that is wrong.

    `services` and `classes` are those that there are; `currency` the one that prices are in.
    """
    problems = [
        f"{name}: found a field of this name, expected one of {', '.join(EXPECTED)}"
        for name in given
        if name not in EXPECTED
    ]
    text = {name: _text(given.get(name)) for name in EXPECTED}
    text["period"] = text["period"].lower()
    for name in REQUIRED:
        if not text[name]:
            problems.append(f"{name}: found nothing, expected {EXPECTED[name]}")
    reader = _Reader(text, problems)
    days = {name: reader.day(name) for name in ("starts_on", "ends_on", "counted_from")}
    whole = {name: reader.whole(name, least=least) for name, least in (("commitment_tokens", 1), ("carried_tokens", 0))}
    rates = {name: reader.amount(name) for name in ("rate", "overage_rate", "overage_cap_ratio", "rate_beyond")}
    cap = rates["overage_cap_ratio"]
    if cap is not None and cap > 10:
        reader.bad("overage_cap_ratio")
    if text["period"] and text["period"] not in set(Period):
        reader.bad("period")
    if text["currency"] and text["currency"].upper() != currency:
        problems.append(
            f"currency: found {text['currency']}, expected {currency}: a bill in one currency and prices in another cannot be compared"
        )
    if text["country"] and not workdays.known(text["country"].upper()):
        reader.bad("country")
    if text["name"] and not slug_of(text["name"]):
        reader.bad("name")
    found = {
        "services": reader.names("services", services),
        "token_classes": reader.names("token_classes", classes),
    }
    shortfall = reader.flag("shortfall_paid")
    zone = reader.zone()
    starts_on, ends_on, commitment = days["starts_on"], days["ends_on"], whole["commitment_tokens"]
    rate, overage, beyond = rates["rate"], rates["overage_rate"], rates["rate_beyond"]
    if (
        starts_on is None
        or ends_on is None
        or commitment is None
        or rate is None
        or overage is None
        or cap is None
        or beyond is None
    ):
        raise BadContract(problems)  # named above, each
    if problems:
        raise BadContract(problems)
    terms = Terms(
        name=text["name"][:200],
        starts_on=starts_on,
        ends_on=ends_on,
        period=Period(text["period"]),
        commitment_tokens=commitment,
        rate=rate,
        overage_rate=overage,
        overage_cap_ratio=cap,
        rate_beyond=beyond,
        shortfall_paid=shortfall,
        currency=currency,
        owner=text["owner"][:150],
        country=text["country"].upper(),
        zone=zone,
        services=found["services"],
        token_classes=found["token_classes"],
        carried_tokens=whole["carried_tokens"] or 0,
        counted_from=days["counted_from"],
    )
    if wrong := _term_problems(terms):
        raise BadContract(wrong)
    return terms


def _term_problems(terms: Terms) -> list[str]:
    if terms.ends_on < terms.starts_on:
        return [f"ends_on: found {terms.ends_on}, expected a day on or after starts_on, {terms.starts_on}"]
    last = spans(terms)[-1].last
    if last != terms.ends_on:
        return [
            f"ends_on: found {terms.ends_on}, expected a term of whole periods: a {terms.period} that begins"
            f" on {spans(terms)[-1].first} ends on {last}, and a part of a commitment is nowhere stated"
        ]
    if len(spans(terms)) > MOST_PERIODS:
        return [f"ends_on: found more than {MOST_PERIODS} periods, expected a term of ten years at most"]
    if terms.counted_from is not None and not terms.starts_on <= terms.counted_from <= terms.ends_on:
        return [f"counted_from: found {terms.counted_from}, expected {EXPECTED['counted_from']}"]
    if terms.carried_tokens and terms.counted_from is None:
        return [f"counted_from: found nothing beside carried_tokens, expected {EXPECTED['counted_from']}"]
    return []


def _text(value: Any) -> str:
    if isinstance(value, (list, tuple)):
        return ",".join(str(one) for one in value)
    return "" if value is None else str(value).strip()


class _Reader:
    """Texts to values; what does not fit is added to the problems."""

    def __init__(self, text: Mapping[str, str], problems: list[str]) -> None:
        self._text, self._problems = text, problems

    def bad(self, name: str, found: str = "") -> None:
        self._problems.append(f"{name}: found {(found or self._text[name])!r}, expected {EXPECTED[name]}")

    def day(self, name: str) -> date | None:
        if not self._text[name]:
            return None
        try:
            return date.fromisoformat(self._text[name])
        except ValueError:
            self.bad(name)
            return None

    def whole(self, name: str, *, least: int) -> int | None:
        text = self._text[name].replace("_", "").replace(" ", "")
        if not text:
            return None
        if not re.fullmatch(r"-?\d{1,18}", text) or int(text) < least:
            self.bad(name)
            return None
        return int(text)

    def amount(self, name: str) -> Decimal | None:
        if not self._text[name]:
            return None
        try:
            found = Decimal(self._text[name])
        except InvalidOperation:
            found = Decimal("NaN")
        if not found.is_finite() or found < 0 or found >= 10**6 or found != found.quantize(Decimal("1e-8")):
            self.bad(name)
            return None
        return found

    def flag(self, name: str) -> bool:
        text = self._text[name].lower()
        if text and text not in _TRUE | _FALSE:
            self.bad(name)
        return text not in _FALSE

    def names(self, name: str, there: Iterable[str]) -> tuple[str, ...]:
        found = sorted({one.strip() for one in self._text[name].split(",") if one.strip()})
        known = set(there)
        for one in found:
            if one not in known:
                self._problems.append(
                    f"{name}: found {one!r}, expected {'one of ' + ', '.join(sorted(known)) if known else 'none, since there are none'}"
                )
        return tuple(found)

    def zone(self) -> str:
        name = self._text["zone"] or "UTC"
        try:
            _zone(name)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            self.bad("zone", name)
        return name
