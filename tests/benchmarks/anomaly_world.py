"""A simulated year of spend by tenant, with what was planted in it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from sloengine.cost.anomaly.drivers import Driver
from sloengine.cost.anomaly.judging import Use
from sloengine.cost.anomaly.levels import DAY, Floats

START = dt.datetime(2025, 1, 6, tzinfo=dt.UTC)
HOURS = 365 * DAY
#: Days on which most people do not work; the detector is told of the public ones, as a calendar of a country tells it.
HOLIDAYS = [
    dt.date(2025, *day) for day in ((1, 20), (5, 26), (7, 4), (9, 1), (11, 27), (11, 28), (12, 24), (12, 25), (12, 26))
]
HOLIDAYS += [dt.date(2026, 1, 1)]
#: Nothing is planted while every series is still young.
QUIET_HOURS = 35 * DAY


class Kind(StrEnum):
    SPIKE = "spike"
    STEP = "level shift"
    MIX = "mix shift"
    PRICE = "price change"


@dataclass(frozen=True, slots=True)
class Planted:
    row: int
    kind: Kind
    driver: Driver
    since: int
    until: int


@dataclass(frozen=True, slots=True)
class Year:
    use: Use
    planted: list[Planted]


def year(*, tenants: int, seed: int = 0) -> Year:
    """About one event a tenant; half the tenants have none, others up to three, three weeks apart at least."""
    random = np.random.default_rng(seed)
    requests, size = _requests(tenants, random), _sizes(tenants, random)
    price = np.full((tenants, HOURS), 0.11 / 1000) * random.choice([1.0, 0.8, 1.3], tenants)[:, None]
    planted = [one for row in range(tenants) for one in _plant(row, requests, size, price, random)]
    asked = random.poisson(requests).astype(float)
    tokens = np.round(asked * size * random.lognormal(0, 0.25, asked.shape) ** (1 / np.sqrt(np.maximum(asked, 1))))
    keys = [("chat", f"tenant-{row}") for row in range(tenants)]
    return Year(Use(keys, asked, tokens, tokens * price), planted)


def _requests(tenants: int, random: np.random.Generator) -> Floats:
    hour, day = np.arange(HOURS) % DAY, np.arange(HOURS) // DAY
    off = ((START.weekday() + day) % 7 >= 5) | np.isin(day, _numbers(HOLIDAYS))
    level = np.exp(random.uniform(np.log(150), np.log(6000), tenants))
    phase, depth = random.uniform(-4, 4, tenants), random.uniform(0.2, 0.9, tenants)
    curve = 1 + depth[:, None] * np.cos(2 * np.pi * (hour - 14 - phase[:, None]) / DAY)
    rest = random.uniform(0.3, 1.0, tenants)
    growth = random.normal(0.2, 0.3, tenants)[:, None] * np.arange(HOURS) / HOURS
    return (
        level[:, None] * curve * np.where(off, rest[:, None], 1.0) * np.exp(growth)
        * np.exp(_wander(tenants, random, each=0.06, kept=0.8))
    )  # fmt: skip


def _sizes(tenants: int, random: np.random.Generator) -> Floats:
    level = np.exp(random.uniform(np.log(300), np.log(2500), tenants))
    return level[:, None] * np.exp(_wander(tenants, random, each=0.04, kept=0.7))


def _wander(tenants: int, random: np.random.Generator, *, each: float, kept: float) -> Floats:
    """Noise that remembers: an hour is like the one before."""
    steps = random.normal(0, each, (tenants, HOURS))
    for at in range(1, HOURS):
        steps[:, at] += kept * steps[:, at - 1]
    return steps


def _plant(row: int, requests: Floats, size: Floats, price: Floats, random: np.random.Generator) -> list[Planted]:
    found = []
    at = QUIET_HOURS + int(random.integers(0, 100 * DAY))
    for _ in range(int(random.choice([0, 1, 2, 3], p=[0.45, 0.25, 0.2, 0.1]))):
        if at > HOURS - 10 * DAY:
            break
        found.append(_event(row, at, requests, size, price, random))
        at += int(random.integers(21 * DAY, 120 * DAY))
    return found


def _event(row: int, at: int, requests: Floats, size: Floats, price: Floats, random: np.random.Generator) -> Planted:
    kind = Kind(str(random.choice([one.value for one in Kind], p=[0.4, 0.25, 0.2, 0.15])))
    more = random.random() < 0.5
    driver, values = (Driver.REQUESTS, requests) if more else (Driver.TOKENS_PER_REQUEST, size)
    if kind is Kind.SPIKE:
        until = at + int(random.integers(2, 7))
        values[row, at:until] *= random.uniform(2.5, 6.0)
    elif kind is Kind.STEP:
        until = HOURS
        values[row, at:] *= random.uniform(1.7, 3.0)
    elif kind is Kind.MIX:
        until, factor = at + int(random.integers(24, 24 * 10)), random.uniform(1.8, 3.0)
        requests[row, at:until] *= factor if more else 1 / factor
        size[row, at:until] /= factor if more else 1 / factor
    else:
        until, driver = HOURS, Driver.PRICE
        price[row, at:] *= random.uniform(1.3, 2.0)
    return Planted(row, kind, driver, at, until)


def _numbers(dates: Collection[dt.date]) -> list[int]:
    return [date.toordinal() - START.date().toordinal() for date in dates]
