"""Forecast and capacity in words, as plain data and as a picture. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from sloengine import charts
from sloengine.cost.capacity.headroom import Capacity
from sloengine.cost.contracts.standing import day_said, usd_said
from sloengine.cost.forecast.ahead import Forecast, State
from sloengine.cost.whatif.plan import decimal
from sloengine.strokes import number

SHOWN_DAYS = 56


def headline(one: Capacity) -> str:
    """When do we run out?"""
    if one.replicas is None:
        return f"How many replicas serve {one.service} is not known"
    if one.saturation is None:
        return f"Not measured yet: what a replica of {one.service} carries"
    if not one.saturation.seen:
        return f"Queueing was not seen yet: a replica of {one.service} carries at least {number(one.saturation.load)} tokens/s"
    if one.headroom is not None and one.headroom < 0:
        return f"{one.service} is past its capacity: the last peak filled {_percent(1 - one.headroom)} of it"
    if one.peaks.state is not State.KNOWN:
        return f"When {one.service} runs out is not known: {one.peaks.said}"
    day, early = one.runs_out(), one.runs_out(upper=True)
    if day is not None and early is not None:
        return f"{one.service} runs out on {day_said(day)}, at the earliest on {day_said(early)}"
    if early is not None:
        return f"{one.service} is expected to last the quarter, but may run out from {day_said(early)}"
    return f"{one.service} lasts the quarter"


def one_more(one: Capacity) -> str:
    """What does one more replica buy?"""
    if one.one_more is None or one.saturation is None:
        return "What one more replica buys is not known."
    least = "" if one.saturation.seen else "at least "
    parts = [f"{least}{number(one.one_more)} tokens/s at {_percent(one.target)} of saturation"]
    if one.days_bought is not None:
        parts.append(f"{one.days_bought} days")
    elif one.lasts_with_one_more:
        parts.append("the rest of the quarter")
    cost = None if one.usd_per_replica_month is None else decimal(one.usd_per_replica_month)
    price = "its price is unknown" if cost is None else f"for {usd_said(cost)} a month"
    return f"One more replica buys {' and '.join(parts)}; {price}."


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %"


def plain(one: Capacity) -> dict[str, Any]:
    day, early = one.runs_out(), one.runs_out(upper=True)
    usd = None if one.usd_per_replica_month is None else decimal(one.usd_per_replica_month)
    return {
        "service": one.service,
        "said": headline(one),
        "replicas": one.replicas,
        "saturation_tokens_per_second": None if one.saturation is None else one.saturation.load,
        "saturation_seen": one.saturation is not None and one.saturation.seen,
        "target_ratio": one.target,
        "carried_tokens_per_second": one.carried,
        "peak_tokens_per_second": one.peak,
        "headroom_ratio": one.headroom,
        "peaks": plain_forecast(one.peaks),
        "runs_out_on": day.isoformat() if day is not None else None,
        "runs_out_earliest": early.isoformat() if early is not None else None,
        "one_more": {
            "tokens_per_second": one.one_more,
            "days": one.days_bought,
            "lasts_the_quarter": one.lasts_with_one_more,
            "usd_per_month": None if usd is None else str(usd),
            "said": one_more(one),
        },
    }


def plain_forecast(one: Forecast) -> dict[str, Any]:
    return {
        "state": one.state.value,
        "days": one.days,
        "missing_days": one.missing,
        "ahead": [
            {"day": row.day.isoformat(), "low": row.low, "middle": row.middle, "high": row.high} for row in one.ahead
        ],
        "quarter": None
        if one.end is None
        else {"low": one.end.sum_low, "middle": one.end.sum_middle, "high": one.end.sum_high},
    }


def between(one: Forecast) -> str:
    """'9,000, 8,200 to 9,900', of the whole quarter; the state where there is none."""
    end = one.end
    return one.said if end is None else f"{short(end.sum_middle)}, {short(end.sum_low)} to {short(end.sum_high)}"


def short(amount: float) -> str:
    """12,345,678 is '12.3 M'."""
    for size, unit in ((1e12, " T"), (1e9, " B"), (1e6, " M"), (1e3, " k")):
        if amount >= size:
            return f"{number(amount / size)}{unit}"
    return number(amount)


def picture(
    seen: Mapping[date, float], one: Forecast, *, title: str, unit: str, limit: float | None = None, width: int = charts.WIDE
) -> str:  # fmt: skip
    """The last eight weeks and the forecast with its interval, against what is carried."""
    days = sorted(seen)[-SHOWN_DAYS:]
    if not days:
        return ""
    series = [charts.Series("day", [charts.Value(_at(day), seen[day]) for day in days], "accent")]
    if one.state is State.KNOWN:
        for name, colour, attribute in (
            ("high", "nodata", "high"),
            ("expected", "warn", "middle"),
            ("low", "nodata", "low"),
        ):
            values = [charts.Value(_at(row.day), getattr(row, attribute)) for row in one.ahead]
            series.append(charts.Series(name, values, colour))
    highest = max([*seen.values(), *(row.high for row in one.ahead), limit or 0.0])
    scale, size = next(((1 / size, f"{word}{unit}") for size, word in _SIZES if highest >= size), (1.0, unit))
    panel = charts.Panel(title, size, series, threshold=limit, scale=scale, height=190)
    end = one.ahead[-1].day if one.ahead else days[-1] + timedelta(days=1)
    return charts.line(panel, start=_at(days[0]), end=_at(end), width=width)


_SIZES = ((1e9, "B "), (1e6, "M "), (1e3, "k "))


def _at(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)
