"""The shape of a latency: its median, its p95, and the long gaps of a stream. Quantiles of summed buckets, never averaged (R35)."""

from __future__ import annotations

import math

from incidents.diagnosis import measures
from incidents.diagnosis.evidence import Answer
from incidents.diagnosis.readings import Reader, against, answer
from incidents.diagnosis.signals import text
from incidents.diagnosis.view import View, When, Window
from sloengine.rollups.windows import HistogramIncrement, quantile

#: A gap between two tokens is long from the first bucket bound at or above this on.
LONG_GAP_SECONDS = 0.4
#: Quantiles of fewer events are chance.
LEAST_EVENTS = 20


def p95(family: str) -> Reader:
    def read(view: View) -> Answer:
        histogram = view.histogram(family, When.NOW).get(())
        found = quantile(histogram, 0.95) if histogram is not None else None
        if found is None:
            return answer(view, None, family)
        high = "no bound" if found.high == float("inf") else text(found.high, "s")
        return answer(view, found.value, family, detail=f"in the bucket {text(found.low, 's')} to {high}")

    return read


def _quantile(view: View, family: str, when: Window, q: float) -> float | None:
    histogram = view.histogram(family, when).get(())
    if histogram is None or histogram.count < LEAST_EVENTS:
        return None
    found = quantile(histogram, q)
    return found.value if found is not None else None


def quantile_factor(family: str, q: float) -> Reader:
    """The quantile against the hour before, each interpolated inside its bucket."""

    def read(view: View) -> Answer:
        now, before = (_quantile(view, family, when, q) for when in (When.NOW, When.BEFORE))
        return against(view, family, now, before, "s")

    return read


def long_gap_time(histogram: HistogramIncrement | None) -> tuple[float, float] | None:
    """(the share of all streaming time that gaps over the bound take at the least, the bound).

    1,000 gaps of 30 s together, 10 of them in the bucket 0.5 to 1 s: 10 * 0.5 / 30 = 0.17.
    """
    if histogram is None or histogram.count < LEAST_EVENTS or histogram.sum <= 0:
        return None
    at = next((i for i, bound in enumerate(histogram.bounds) if bound >= LONG_GAP_SECONDS), None)
    if at is None or math.isinf(histogram.bounds[at]):
        return None
    seconds = sum(
        (histogram.counts[i + 1] - histogram.counts[i]) * histogram.bounds[i]
        for i in range(at, len(histogram.bounds) - 1)
    )
    return min(seconds / histogram.sum, 1.0), histogram.bounds[at]


def long_gap_time_share(view: View) -> Answer:
    found = long_gap_time(view.histogram("inter_token_seconds", When.NOW).get(()))
    detail = f"gaps over {text(found[1], 's')}" if found else ""
    return answer(view, found[0] if found else None, "inter_token_seconds", detail=detail)


def long_gap_time_rise(view: View) -> Answer:
    now, before = (
        long_gap_time(view.histogram("inter_token_seconds", when).get(())) for when in (When.NOW, When.BEFORE)
    )
    value = measures.growth(now[0] if now else None, before[0] if before else None)
    return answer(view, value, "inter_token_seconds", reason="no gaps counted now or before")


def canary_stall_share(view: View) -> Answer:
    stalls = view.increments("canary_stalls_total", When.NOW)
    asked = view.increments("canary_requests_total", When.NOW)
    value = measures.share(sum(stalls.values()), sum(asked.values())) if stalls else None
    return answer(view, value, "canary_stalls_total", reason="no canary streams in the window")
