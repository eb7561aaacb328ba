"""What moved, in words and as evidence. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sloengine.detection.watched import Signal


@dataclass(frozen=True, slots=True)
class Moved:
    """A signal that stands moved; its usual level and its value at the last tick, in its own unit."""

    signal: Signal
    before: float
    now: float
    begun_at: float  # unix seconds: the last tick at which nothing was suspected


def amount(value: float, unit: str) -> str:
    """0.0443 s is "44 ms", 0.126 as a ratio "12.6 %", 0.9718 as a cosine "0.972"."""
    if unit == "s":
        return f"{value * 1000:.0f} ms" if value < 1 else f"{value:.2g} s"
    if unit == "ratio":
        return f"{value:.1%}".replace("%", " %")
    if unit == "cosine":
        return f"{value:.3f}"
    return f"{value:.3g}" + (f" {unit}" if unit == "points" else "")


def summary(moved: Sequence[Moved]) -> str:
    """One short line: the first signal, and how many more."""
    more = f" (and {len(moved) - 1} more)" if len(moved) > 1 else ""
    return f"{_move(moved[0])}{more}"


def sentence(service: str, moved: Sequence[Moved]) -> str:
    told = "; ".join(_move(one) for one in moved[:3])
    return f"{service} moved away from its last hour: {told}."


def evidence(moved: Sequence[Moved], *, run_length: float) -> dict[str, Any]:
    return {
        "summary": summary(moved),
        "indicator": moved[0].signal.indicator,
        "signals": [
            {
                "name": one.signal.name,
                "title": one.signal.title,
                "before": one.before,
                "now": one.now,
                "unit": one.signal.unit,
            }
            for one in moved
        ],
        "run_length_ticks": round(run_length),
        "impact_start": datetime.fromtimestamp(min(one.begun_at for one in moved), UTC).isoformat(),
    }


def _move(one: Moved) -> str:
    unit = one.signal.unit
    return f"{one.signal.title} from {amount(one.before, unit)} to {amount(one.now, unit)}"
