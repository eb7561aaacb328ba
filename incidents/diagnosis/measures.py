"""The arithmetic behind the signals. None in, None out: what cannot be told stays untold."""

from __future__ import annotations

from collections.abc import Mapping
from statistics import median

#: Queue delays under this are no skew, whatever their ratio: 2 ms against 0.1 ms is a healthy fleet.
SKEW_FLOOR_SECONDS = 0.02
#: Where the others queue that long themselves, the line is everywhere and no one's alone.
QUEUES_SECONDS = 0.1
#: Growth of the time to first token under this (and under a tenth of it) is no growth to divide.
GROWTH_FLOOR_SECONDS = 0.01


def factor(now: float | None, before: float | None) -> float | None:
    """Now / before: 97 against 42 requests/s is 2.31. None without a baseline above zero."""
    return now / before if now is not None and before is not None and before > 0 else None


def share(part: float | None, whole: float | None) -> float | None:
    """part / whole: 0.355 s of 0.5 s is 0.71. None without a whole above zero."""
    return part / whole if part is not None and whole is not None and whole > 0 else None


def growth(now: float | None, before: float | None) -> float | None:
    return now - before if now is not None and before is not None else None


def growth_share(*, stage: str, now: Mapping[str, float], before: Mapping[str, float]) -> float | None:
    """The stage's part of what all stages together gained, stages that fell counting nothing.

    queue 0.01 -> 0.41 s and prefill 0.08 -> 0.12 s: queue is 0.40 of 0.44, 0.91. None where nothing grew.
    """
    gains = {name: max(now[name] - before[name], 0.0) for name in now if name in before}
    total = sum(gains.values())
    if stage not in gains or total < max(GROWTH_FLOOR_SECONDS, 0.1 * sum(before.values())):
        return None
    return gains[stage] / total


def skew(values: Mapping[str, float]) -> tuple[str, float] | None:
    """(the worst, how many times the median of the others): {a: 0.4, b: 0.1, c: 0.1} is (a, 4.0). None below two."""
    if len(values) < 2:
        return None
    worst = max(values, key=lambda name: (values[name], name))
    others = median(value for name, value in values.items() if name != worst)
    if values[worst] < SKEW_FLOOR_SECONDS or others > QUEUES_SECONDS:
        return worst, 1.0
    return worst, values[worst] / max(others, SKEW_FLOOR_SECONDS / 10)


def top_growth(*, now: Mapping[str, float], before: Mapping[str, float]) -> tuple[str, float] | None:
    """(who gained most, their part of all gains): a 10 -> 80, b 10 -> 12 is (a, 70/72 = 0.97). None where nobody gained."""
    gains = {name: max(rate - before.get(name, 0.0), 0.0) for name, rate in now.items()}
    total = sum(gains.values())
    if total <= 0.05 * sum(before.values()) or total <= 0:
        return None
    top = max(gains, key=lambda name: (gains[name], name))
    return top, gains[top] / total
