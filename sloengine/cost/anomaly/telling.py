"""A verdict in words and as evidence. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sloengine.cost.anomaly.decide import Hour, Reason, Verdict
from sloengine.cost.anomaly.drivers import Driver
from sloengine.cost.anomaly.outlook import Day


def amount(value: float, *, priced: bool) -> str:
    """'1,234 USD', '0.42 USD', '120,000 tokens'."""
    if not priced:
        return f"{value:,.0f} tokens"
    return f"{value:,.0f} USD" if abs(value) >= 10 else f"{value:,.2f} USD"


def sentence(*, service: str, tenant: str, hour: Hour, verdict: Verdict) -> str:
    """'acme on chat: 412 USD an hour where 98 USD are usual, for 3 hours; the driver is requests (4.1 times).'"""
    who = f"{tenant or 'Use without a tenant'} on {service}"
    if verdict.driver is None:
        return f"{who} {verdict.reason}."
    now, usual = (amount(one.spend / hour.hours, priced=hour.priced) for one in (hour.actual, hour.expected))
    ratio = ratios(hour).get(verdict.driver)
    times = f" ({ratio:.1f} times the usual)" if ratio is not None else ""
    if verdict.reason is Reason.MIX:
        return f"{who} spends the usual {now} an hour in another way: {verdict.driver} moved{times}."
    lasting = f", over {hour.hours} hours" if hour.hours > 1 else ""
    return f"{who}: {now} an hour where {usual} are usual{lasting}; the driver is {verdict.driver}{times}."


def ratios(hour: Hour) -> dict[Driver, float | None]:
    """Now over usual."""
    return {
        driver: hour.actual.each[driver] / before if before > 0 else None
        for driver, before in hour.expected.each.items()
    }


def evidence(
    *, tenant: str, hour: Hour, verdict: Verdict, day: Day, band: tuple[float, float] | None
) -> dict[str, Any]:
    """As the comparison every five minutes gives it, so that one question of the decision tree reads both."""
    found = ratios(hour)
    now, usual = hour.actual.spend / hour.hours, hour.expected.spend / hour.hours
    money = {"usd_per_hour_now": now, "usd_per_hour_before": usual} if hour.priced else {}
    parts = {driver.value: part for driver, part in (verdict.parts or {}).items()}
    return {
        "tenant": tenant,
        "factor": verdict.factor,
        "shape": verdict.reason.name.lower(),
        "rate_per_week": verdict.rate,
        "hours": hour.hours,
        "tokens_per_hour_now": hour.actual.requests * hour.actual.tokens_per_request / hour.hours,
        "tokens_per_hour_before": hour.expected.requests * hour.expected.tokens_per_request / hour.hours,
        "requests_ratio": found[Driver.REQUESTS],
        "tokens_per_request_ratio": found[Driver.TOKENS_PER_REQUEST],
        "price_ratio": found[Driver.PRICE],
        "driver": None if verdict.driver is None else verdict.driver.value,
        "parts_per_hour": parts,
        "unit": "USD" if hour.priced else "tokens",
        "today": {"so_far": day.so_far, "estimate": day.estimate, "usual": day.usual},
        "usual_between": band,
        "indicator": "cost",
        **money,
    }


@dataclass(frozen=True, slots=True)
class Shown:
    """What a list says of a finding."""

    tenant: str
    driver: str
    now: str
    usual: str
    today: str


def shown(found: Mapping[str, Any]) -> Shown:
    """Both kinds of finding: by the hour in USD or tokens, and every five minutes."""
    usd = found.get("usd_per_hour_now"), found.get("usd_per_hour_before")
    tokens = found.get("tokens_per_hour_now"), found.get("tokens_per_hour_before")
    priced = usd[0] is not None and usd[1] is not None
    now, usual = usd if priced else tokens
    day = found.get("today")
    in_usd = found.get("unit") != "tokens"
    return Shown(
        tenant=str(found.get("tenant") or "no tenant"),
        driver=str(found.get("driver") or ""),
        now="" if now is None else amount(now, priced=priced),
        usual="" if usual is None else amount(usual, priced=priced),
        today=f"{amount(day['estimate'], priced=in_usd)} where {amount(day['usual'], priced=in_usd)} are usual"
        if day
        else "",
    )
