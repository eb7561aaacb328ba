"""The windows of a service's trade-off, from rollups. Of a simulated service they are the simulator's: whoever shows them says so."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from sloengine.catalog.models import Service
from sloengine.cost.tradeoff.matrix import Window
from sloengine.rollups import queries as rollups

#: A window is as long as the rows that are kept of so long ago: (age, seconds).
STEPS = ((timedelta(days=1), 300), (timedelta(days=7), 900))
LONGEST_STEP_SECONDS = 3600
LATENCIES = {"ttft": "ttft_seconds", "e2e": "e2e_seconds"}
DONE = {"requests": "requests_total", "tokens": "generated_tokens_total"}
GAP, WAITING = "inter_token_seconds", "requests_waiting"


def known(*, service: Service, start: datetime, end: datetime) -> str:
    """Which latency there is a trade-off of: "ttft" of streams, else "e2e"; "" where anything that it needs is missing."""
    window: dict[str, Any] = {"service": service, "start": start, "end": end}
    if not rollups.histogram(**window, family=GAP) or not rollups.gauge(**window, family=WAITING):
        return ""
    return next((name for name, family in LATENCIES.items() if rollups.histogram(**window, family=family)), "")


def windows(*, service: Service, start: datetime, end: datetime, latency: str, done: str) -> list[Window]:
    """Stretches in which step time and queue depth are known. `latency`: ttft or e2e; `done`: requests or tokens."""
    step = next((seconds for age, seconds in STEPS if end - start <= age), LONGEST_STEP_SECONDS)
    asked: dict[str, Any] = {"service": service, "start": start, "end": end, "step_seconds": step}
    gaps = rollups.histogram_steps(**asked, family=GAP)
    depths = rollups.gauge_steps(**asked, family=WAITING)
    latencies = rollups.histogram_steps(**asked, family=LATENCIES[latency])
    amounts = rollups.increment_steps(**asked, family=DONE[done])
    found = []
    for gap, depth, slow, amount in zip(gaps, depths, latencies, amounts, strict=True):
        batch, waiting = gap.get(()), depth.get(())
        if batch is None or batch.mean is None or waiting is None or waiting.mean is None or amount.edges is None:
            continue
        found.append(Window(amount.edges.seconds, batch.mean, waiting.mean, slow.get(()), sum(amount.values())))
    return [window for window in found if window.seconds > 0]
