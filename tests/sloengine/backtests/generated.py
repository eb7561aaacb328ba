"""Generated histories of one service each: bursts, drips, night, restarts, births and gaps, sampled out of step with the ticks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from probes.exposition import Series, series

Vector = npt.NDArray[np.float64]


@dataclass(slots=True)
class Generated:
    """Counts of two outcomes at sample instants; what happened is kept, since it explains differences."""

    service: str
    at: Vector
    ok: Vector
    error: Vector
    starts: Vector
    odd: list[tuple[str, float, float]]  #: (what, from, until) in unix seconds

    def lines(self) -> dict[Series, list[str]]:
        own = {"service": self.service, "replica": f"{self.service}-0"}
        ends = [f" {at:.0f}\n" for at in self.at]
        return {
            series(name, **own, **more): [
                f" {value:.0f}{end}" for value, end in zip(values.tolist(), ends, strict=True)
            ]
            for name, more, values in (
                ("tailwatch_requests_total", {"outcome": "ok"}, self.ok),
                ("tailwatch_requests_total", {"outcome": "error"}, self.error),
                ("tailwatch_process_start_seconds", {}, self.starts),
            )
        }

    def happened(self, start: float, end: float) -> set[str]:
        """What odd things a window that runs from start to end touches."""
        return {what for what, begin, until in self.odd if begin <= end and until >= start}


def generate(*, number: int, start: float, steps: int, step: int, budget: float, factors: Sequence[float]) -> Generated:
    """History `number`: the same for the same number. Rates from 3 to 3,000 requests a step; errors around what would fire."""
    random = np.random.default_rng(number)
    rate = float(10 ** random.uniform(0.5, 3.5))
    shape = 1 + 0.6 * np.sin(np.linspace(0, random.uniform(1, 9), steps))
    ratio = np.full(steps, random.choice([0.0, budget * 0.3, budget * 0.9]))
    for _ in range(random.integers(1, 4)):
        begin, length = random.integers(0, steps), int(10 ** random.uniform(0.3, np.log10(steps / 2)))
        ratio[begin : begin + length] = min(float(random.choice(factors)) * budget * random.uniform(0.6, 12), 1.0)
    if random.random() < 0.25:
        begin = random.integers(0, steps)
        shape[begin : begin + steps // 8] = 0.0  # nobody asks
    total = random.poisson(rate * shape)
    bad = random.binomial(total, ratio)
    # Younger than five minutes at each tick, or a server would take it for gone.
    at: Vector = start + step * np.arange(steps, dtype=np.float64) + random.integers(max(step - 290, 0), step)
    begun = {0: start - 7200.0}
    odd: list[tuple[str, float, float]] = []
    for _ in range(random.integers(0, 3)):
        first = int(random.integers(1, steps))
        begun[first] = at[first] - step / 2
        odd.append(("restart", float(at[first - 1]), float(at[first])))
    born = 0
    if random.random() < 0.1:
        born = int(random.integers(steps // 8, steps // 2))
        begun[born] = at[born] - step / 2
        odd.append(("birth", float(at[born] - step), float(at[born] + step)))
    keep = np.arange(steps) >= born
    if random.random() < 0.15:
        first = int(random.integers(steps // 8, steps - steps // 8))
        last = first + int(random.integers(2, 12))
        keep[first:last] = False
        odd.append(("gap", float(at[first - 1]), float(at[min(last, steps - 1)])))
    ok, error, starts = np.zeros(steps), np.zeros(steps), np.zeros(steps)
    for since, until in pairwise([*sorted(begun), steps]):
        ok[since:until], error[since:until] = np.cumsum((total - bad)[since:until]), np.cumsum(bad[since:until])
        starts[since:until] = begun[since]
    return Generated(f"h{number:04d}", at[keep], ok[keep], error[keep], starts[keep], odd)
