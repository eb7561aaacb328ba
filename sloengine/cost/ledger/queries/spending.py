"""spend: the ledger's quantities of a window by some keys, priced at what they cost when they were used."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from observability.core import prepared
from observability.core.models import Organisation
from sloengine.catalog.models import Service
from sloengine.cost.ledger.meters import COLUMNS, Quantities, Slice, TokenClass
from sloengine.cost.ledger.pricing import Amount, Priced, Prices
from sloengine.cost.ledger.queries.measuring import measured
from sloengine.cost.ledger.stretches import HOUR, Stretch, hour_of, stretches
from sloengine.cost.prices import Where
from sloengine.cost.queries import price_rows
from sloengine.rollups import queries as rollups

_SERIES = {name: f"series.{name}" for name in ("model", "variant", "region", "hardware", "purchase", "tenant", "tag")}
#: What spend can be broken down by. Times are UTC and read 2026-11-22T14:00, 2026-11-22, 2026-11.
KEYS: Mapping[str, str] = {
    "service": "service.slug",
    "team": "coalesce(team.slug, '')",
    **_SERIES,
    "hour": """to_char(used.at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:00')""",
    "day": "to_char(used.at AT TIME ZONE 'UTC', 'YYYY-MM-DD')",
    "month": "to_char(used.at AT TIME ZONE 'UTC', 'YYYY-MM')",
}
_FORMS = {"hour": "%Y-%m-%dT%H:00", "day": "%Y-%m-%d", "month": "%Y-%m"}
#: What a price may depend on.
_PRICED_BY = ("service", "model", "region", "hardware", "purchase")
Limits = Mapping[str, str | Collection[str]]


@dataclass(frozen=True, slots=True)
class Spend:
    """What one group used and what it cost; `key` holds the values of the keys that were asked for, in their order.

    `usd` is the tokens at the price list, in the organisation's currency, and exact; None as soon as a part of them has no price:
    `unknown` says of how many tokens, `known_usd` what the others cost. `hardware_usd` is hardware time at its prices.
    """

    key: tuple[str, ...]
    quantities: Quantities
    priced: Priced

    @property
    def requests(self) -> int:
        return self.quantities.requests

    @property
    def tokens(self) -> dict[TokenClass, int]:
        return self.quantities.tokens

    @property
    def all_tokens(self) -> int:
        return sum(self.quantities.tokens.values())

    @property
    def usd(self) -> Decimal | None:
        return self.priced.at_list.usd

    @property
    def known_usd(self) -> Decimal:
        return self.priced.at_list.known

    @property
    def unknown(self) -> int:
        return self.priced.at_list.unknown

    @property
    def hardware(self) -> Amount:
        return self.priced.hardware

    @property
    def hardware_usd(self) -> Decimal | None:
        """None where no hardware was counted, or a part of it has no price."""
        counted = self.hardware.priced or self.hardware.unknown
        return self.hardware.usd if counted else None


def spend(
    *, organisation: Organisation, since: datetime, until: datetime, by: Sequence[str] = (), now: datetime,
    where: Limits | None = None, running: bool = True, prices: Prices | None = None,
) -> list[Spend]:  # fmt: skip
    """The use of hours that begin in since..until, by the keys `by` (see KEYS), largest spend first; by time, in its order.

    spend(..., by=("tenant", "day"), where={"service": "chat"}) -> [Spend(key=("acme", "2026-11-22"), ...), ...]. With `running`
    the hour that has not closed yet is read from rollups as far as it goes; without, only hours that stand in the ledger.
    `prices` are others than the organisation's, for what-if.
    """
    _known_keys([*by, *(where or {})])
    prices = prices or Prices(price_rows(organisation_id=organisation.pk))
    since, until = hour_of(since), min(until, now)
    sums: dict[tuple[tuple[str, ...], int], list[int]] = {}
    if since < until:
        rows = _closed(organisation, since, until, by, where or {}, prices)
        if running:
            rows += _running(organisation, since, until, by, where or {}, now)
        for key, place, at, amounts in rows:
            # Where the same prices hold, whole numbers are added up and priced once: a year by day has tens of thousands of rows.
            had = sums.setdefault((key, prices.number(where=place, at=at)), [0] * len(COLUMNS))
            for i, amount in enumerate(amounts):
                had[i] += amount
    groups: dict[tuple[str, ...], tuple[Quantities, Priced]] = defaultdict(lambda: (Quantities(), Priced()))
    for (key, number), amounts in sums.items():
        quantities = Quantities(*amounts)
        before, cost = groups[key]
        groups[key] = before + quantities, cost + prices.at(number, quantities)
    found = [Spend(key, *amounts) for key, amounts in groups.items()]
    times = [i for i, name in enumerate(by) if name in _FORMS]
    return sorted(
        found, key=lambda one: (*(one.key[i] for i in times), -one.known_usd, -one.hardware.known, -one.all_tokens, one.key)
    )  # fmt: skip


_Row = tuple[tuple[str, ...], Where, datetime, Sequence[int]]  # the amounts are those of COLUMNS


def _known_keys(names: Sequence[str]) -> None:
    unknown = [name for name in names if name not in KEYS]
    if unknown:
        raise ValueError(f"found {', '.join(unknown)}, expected keys out of {', '.join(KEYS)}")


def _closed(
    organisation: Organisation, since: datetime, until: datetime, by: Sequence[str], where: Limits, prices: Prices
) -> list[_Row]:
    """One statement: rows of hours and days, cut where a price changes, summed by what is asked and what prices depend on."""
    cuts = prices.cuts(since=since, until=until)
    (summed,) = prepared.rows(
        "SELECT (SELECT until FROM sloengine_ledgerdays WHERE organisation_id = %s)", [organisation.pk]
    )[0]
    parts = stretches(since=since, until=until, summed_until=summed, cuts=cuts, hourly="hour" in by)
    given: dict[str, object] = {"organisation": organisation.pk, "cuts": [since, *cuts]}
    limits = " ".join(_limit(name, value, given) for name, value in where.items())
    keys = [KEYS[name] for name in (*by, *_PRICED_BY)]
    names = ", ".join(f"k{i}" for i in range(len(keys)))
    columns = ", ".join(f"sum(used.{name})::bigint" for name in COLUMNS)
    statement = f"""
        SELECT width_bucket(used.at, %(cuts)s::timestamptz[]) AS cut, {", ".join(f"{key} AS k{i}" for i, key in enumerate(keys))},
            {columns}
        FROM ({" UNION ALL ".join(_table(i, part, given) for i, part in enumerate(parts))}) AS used
        JOIN sloengine_costseries AS series ON series.id = used.series_id
        JOIN sloengine_service AS service ON service.id = series.service_id
        LEFT JOIN core_team AS team ON team.id = service.team_id
        WHERE series.organisation_id = %(organisation)s {limits}
        GROUP BY cut, {names}
    """  # noqa: S608 - our own words; values are given beside it
    starts = [since, *cuts]
    found: list[_Row] = []
    for cut, *rest in prepared.rows(statement, given):
        key, place, amounts = rest[: len(by)], rest[len(by) : len(keys)], rest[len(keys) :]
        found.append((tuple(key), Where(*place), starts[cut - 1], amounts))
    return found


def _table(i: int, part: Stretch, given: dict[str, object]) -> str:
    given |= {f"start{i}": part.start, f"end{i}": part.end}
    table = "sloengine_usageday" if part.days else "sloengine_usagehour"
    columns = ", ".join(("series_id", "at", *COLUMNS))
    return f"SELECT {columns} FROM {table} WHERE at >= %(start{i})s AND at < %(end{i})s"  # noqa: S608


def _limit(name: str, value: str | Collection[str], given: dict[str, object]) -> str:
    given[f"is_{name}"] = [value] if isinstance(value, str) else list(value)
    return f"AND {KEYS[name]} = ANY(%(is_{name})s::text[])"


def _running(
    organisation: Organisation, since: datetime, until: datetime, by: Sequence[str], where: Limits, now: datetime
) -> list[_Row]:
    """What services used after the last hour that stands in the ledger, an hour at a time."""
    found: list[_Row] = []
    with rollups.snapshot():
        for service in Service.objects.filter(organisation=organisation).select_related("team", "ledger_cursor"):
            cursor = getattr(service, "ledger_cursor", None)
            at = max(since, cursor.until if cursor is not None else hour_of(now))
            while at < until:
                for one, quantities in measured(service=service, start=at, end=min(at + HOUR, until)).items():
                    values = _values(service, one, at)
                    if all(_allowed(values[name], limit) for name, limit in where.items()):
                        place = Where(**{name: values[name] for name in _PRICED_BY})
                        found.append((tuple(values[name] for name in by), place, at, quantities.values))
                at += HOUR
    return found


def _values(service: Service, one: Slice, at: datetime) -> dict[str, str]:
    times = {name: at.strftime(form) for name, form in _FORMS.items()}
    team = service.team.slug if service.team is not None else ""
    return {"service": service.slug, "team": team, **{name: getattr(one, name) for name in _SERIES}, **times}


def _allowed(value: str, limit: str | Collection[str]) -> bool:
    return value == limit if isinstance(limit, str) else value in limit
