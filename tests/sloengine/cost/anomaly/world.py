"""Some tenants with a daily curve, over so many days; hours of one of them can be changed."""

from __future__ import annotations

import datetime as dt

import numpy as np

from sloengine.cost.anomaly.judging import Use
from sloengine.cost.anomaly.levels import DAY

START = dt.datetime(2026, 9, 7, tzinfo=dt.UTC)  # a Monday


def use(*, tenants: int = 4, days: int = 20, seed: int = 0, usd_per_token: float = 0.0001) -> Use:
    random = np.random.default_rng(seed)
    hour, day = np.arange(days * DAY) % DAY, np.arange(days * DAY) // DAY
    curve = (1 + 0.6 * np.cos(2 * np.pi * (hour - 14) / DAY)) * np.where(day % 7 >= 5, 0.5, 1.0)
    requests = np.round(1000 * curve * random.lognormal(0, 0.06, (tenants, days * DAY)))
    tokens = np.round(requests * 500 * random.lognormal(0, 0.04, requests.shape))
    return Use([("chat", f"tenant-{row}") for row in range(tenants)], requests, tokens, tokens * usd_per_token)
