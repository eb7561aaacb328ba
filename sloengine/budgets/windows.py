"""The alert table, read and rescaled; an objective may choose from it or bring alerts of its own. Pure.

>>> [round(tier.factor, 2) for tier in tiers(period=timedelta(days=30))]
[14.4, 6.0, 3.0, 1.0]
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from functools import cache
from importlib import resources
from typing import Any, Literal

import yaml

from sloengine.objectives.terms import Alerting

_UNITS = {"m": 60, "h": 3600, "d": 86400}


@dataclass(frozen=True, slots=True)
class Tier:
    """Fires while both windows burn faster than `factor` times the allowed pace, or as fast where `inclusive`.

    It opens once that held for `hold_seconds`, as OpenSLO's alertAfter asks.
    """

    name: str
    severity: Literal["page", "ticket"]
    long_seconds: int
    short_seconds: int
    factor: float
    inclusive: bool = False
    hold_seconds: int = 0


@dataclass(frozen=True, slots=True)
class Sustained:
    """`slices` bad timeslices in a row (R4: p95 above its threshold for 5 consecutive minutes)."""

    name: str
    severity: Literal["page", "ticket"]
    slices: int


@dataclass(frozen=True, slots=True)
class Table:
    """The rows of alert_windows.yaml; `spends` of each tier is the share of the period's budget that its long window eats."""

    rows: tuple[tuple[str, Literal["page", "ticket"], int, int, Decimal], ...]
    sustained: Sustained
    minimum_failures: dict[str, int]
    clear_after: timedelta
    inclusive: bool = False  # compare: ">="


def parse(text: str) -> Table:
    """A table of the same shape as alert_windows.yaml; KeyError or ValueError name what is missing or wrong."""
    data: dict[str, Any] = yaml.safe_load(text)
    if data["compare"] not in (">", ">="):
        raise ValueError(f"compare: found {data['compare']!r}, expected '>' or '>='")
    rows = tuple(
        (
            str(row["name"]),
            _severity(row["severity"]),
            seconds(row["long"]),
            seconds(row["short"]),
            Decimal(row["spends"]),
        )
        for row in data["tiers"]
    )
    sustained = data["sustained"]
    return Table(
        rows=rows,
        sustained=Sustained(
            name=sustained["name"], severity=_severity(sustained["severity"]), slices=int(sustained["slices"])
        ),
        minimum_failures={str(method): int(count) for method, count in data["minimum_failures"].items()},
        clear_after=timedelta(seconds=seconds(data["clear_after"])),
        inclusive=data["compare"] == ">=",
    )


@cache
def shipped() -> Table:
    return parse(resources.files(__package__).joinpath("alert_windows.yaml").read_text(encoding="utf-8"))


_chosen: list[Table] = []


def use(chosen: Table | None) -> None:
    """Judge by another table than the one that ships, or with None by that again."""
    _chosen[:] = [chosen] if chosen is not None else []
    tiers.cache_clear()
    tiers_of.cache_clear()


def table() -> Table:
    """The table that is judged by."""
    return _chosen[0] if _chosen else shipped()


@cache
def tiers(*, period: timedelta) -> tuple[Tier, ...]:
    """The tiers for a period, fastest first; a window as long as the period or longer has no meaning there and is left out."""
    whole = Decimal(int(period.total_seconds()))
    return tuple(
        Tier(name, severity, long, short, float(spends * whole / long), table().inclusive)
        for name, severity, long, short, spends in table().rows
        if long < whole
    )


@cache
def tiers_of(*, period: timedelta, alerting: Alerting) -> tuple[Tier, ...]:
    """The tiers of one objective: its own alerts, those of the table that it names, or the whole table; none where it wants none."""
    if not alerting.enabled:
        return ()
    if alerting.alerts:
        return tuple(
            Tier(
                one.name, one.severity, one.long_seconds, one.short_seconds, one.factor, one.inclusive, one.hold_seconds
            )
            for one in alerting.alerts
        )
    return tuple(tier for tier in tiers(period=period) if not alerting.tiers or tier.name in alerting.tiers)


def seconds(text: str) -> int:
    """5m is 300, 3d is 259200."""
    if not text[:-1].isdigit() or text[-1] not in _UNITS:
        raise ValueError(f"found {text!r}, expected minutes, hours or days such as 5m, 6h, 3d")
    return int(text[:-1]) * _UNITS[text[-1]]


def _severity(text: str) -> Literal["page", "ticket"]:
    if text == "page":
        return "page"
    if text == "ticket":
        return "ticket"
    raise ValueError(f"severity: found {text!r}, expected page or ticket")
