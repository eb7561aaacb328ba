"""CPU of one hourly run over 2,000 series with eight weeks behind them, training of the model included."""

from __future__ import annotations

import time
from collections.abc import Iterator

import numpy as np

from sloengine.cost.anomaly import judging, seasons
from sloengine.cost.anomaly.decide import Rules, decide
from sloengine.cost.anomaly.levels import DAY
from tests.benchmarks import Measurement, anomaly_world

SERIES_OF_A_TENANT = 4  # spend, requests, tokens per request, price
HOURS = 56 * DAY
SERIES = 2000


def measure(full: bool) -> Iterator[Measurement]:
    began = time.process_time()
    from sloengine.cost.anomaly import learned

    loaded = time.process_time() - began
    series = SERIES if full else SERIES // 4
    world = anomaly_world.year(tenants=series // SERIES_OF_A_TENANT, seed=1)
    whole = world.use
    use = judging.Use(
        whole.keys, *(np.ascontiguousarray(one[:, :HOURS]) for one in (whole.requests, whole.tokens, whole.usd))
    )
    when = seasons.calendar(start=anomaly_world.START, hours=HOURS, holidays=anomaly_world.HOLIDAYS)
    began = time.process_time()
    book = judging.book(use, when, train=learned.train)
    for row, at in book.moved(since=HOURS - 3, until=HOURS, most_per_week=Rules().most_per_week):
        decide(book.hour(row, at))
    spent = time.process_time() - began
    yield Measurement(
        benchmark="anomaly",
        metric=f"an hour of {series:,} series, training included"
        + ("" if full else f" (of {SERIES:,}: at most 4 times it)"),
        value=spent,
        unit="CPU s",
        better="lower",
        target=60.0 * series / SERIES,
    )
    yield Measurement(
        benchmark="anomaly", metric="import of scikit-learn, once a worker", value=loaded, unit="CPU s", better="lower"
    )
