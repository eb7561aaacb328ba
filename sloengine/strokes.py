"""Strokes of a chart: paths with gaps, colours by name, numbers for people, the picture around them. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from html import escape
from typing import TypeVar

Spot = TypeVar("Spot")

#: Colours by the name of what they stand for; anything else is the accent.
COLOURS = {
    "queue": "var(--queue)", "prefill": "var(--prefill)", "decode": "var(--decode)", "ok": "var(--ok)", "warn": "var(--warn)",
    "burn": "var(--burn)", "nodata": "var(--nodata)", "maint": "var(--maint)", "muted": "var(--faint)",
}  # fmt: skip


def path(run: Sequence[tuple[float, float]], stroke: str) -> str:
    if len(run) == 1:
        return f'<circle cx="{run[0][0]:.1f}" cy="{run[0][1]:.1f}" r="1.4" fill="{stroke}"/>'
    points = " ".join(f"{x:.1f},{y:.1f}" for x, y in run)
    return f'<polyline fill="none" stroke="{stroke}" stroke-width="1.6" stroke-linejoin="round" points="{points}"/>'


def runs(spots: Iterable[Spot | None]) -> list[list[Spot]]:
    """Stretches without a gap."""
    runs: list[list[Spot]] = [[]]
    for spot in spots:
        if spot is not None:
            runs[-1].append(spot)
        elif runs[-1]:
            runs.append([])
    return [run for run in runs if run]


def ink(name: str) -> str:
    return COLOURS.get(name, "var(--accent)")


def number(value: float) -> str:
    """At most three significant digits, thousands with a comma: 391.4 is 391, 0.0374 is 0.0374, 12345 is 12,345."""
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.3g}"


def round_up(value: float) -> float:
    """The next of 1, 1.5, 2, 3, 4, 5, 8 times a power of ten: 391 is 400."""
    if value <= 0:
        return 1.0
    power = 10.0 ** math.floor(math.log10(value))
    return next(step * power for step in (1, 1.5, 2, 3, 4, 5, 8, 10) if step * power >= value * (1 - 1e-12))


def svg(body: Sequence[str], *, width: int, height: float, said: str, fixed: bool = False) -> str:
    size = f'width="{width}" height="{height:g}"' if fixed else 'width="100%"'
    label = f'role="img" aria-label="{escape(said, quote=True)}"'
    return f'<svg class="chart" viewBox="0 0 {width} {height:g}" {size} {label}>{"".join(body)}</svg>'
