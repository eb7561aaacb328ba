"""The burn-down of a contract as a chart. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, date, datetime, time, timedelta

from sloengine import charts
from sloengine.cost.contracts.burndown import State
from sloengine.cost.contracts.standing import Standing


def burn_down(standing: Standing, *, width: int = charts.WIDE) -> str:
    """Use so far and its forecast with the interval, against the commitment."""
    burn = standing.burn
    scale, unit = next((1 / size, name) for size, name in _UNITS if burn.limit >= size)
    series = [charts.Series("used", _points(burn.points), "accent")]
    if burn.state is State.KNOWN and burn.ahead:
        last = burn.points[-1] if burn.points else (burn.day, burn.used)
        for name, colour, attribute in (
            ("most", "nodata", "high"),
            ("expected", "warn", "middle"),
            ("least", "nodata", "low"),
        ):
            values = ((one.day, burn.used + getattr(one, attribute)) for one in burn.ahead)
            series.append(charts.Series(name, _points([last, *values]), colour))
    panel = charts.Panel("Tokens used", unit, series, threshold=burn.limit, scale=scale, height=180)
    return charts.line(
        panel, start=_at(standing.span.first), end=_at(standing.span.last + timedelta(days=1)), width=width
    )


_UNITS = ((1e9, "B tokens"), (1e6, "M tokens"), (1e3, "k tokens"), (1.0, "tokens"))


def _points(found: Iterable[tuple[date, float]]) -> list[charts.Value]:
    return [charts.Value(_at(day + timedelta(days=1)), amount) for day, amount in found]


def _at(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)
