"""Which of very many objectives need a closer look. Pure.

Of 10,000 objectives a handful burns; only of those verdicts with reasons are made (`burnrate.verdicts`). What is left out here
must be calm in every tier: comparisons are `>=` where a verdict says `>`.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from sloengine.budgets.burnrate import Vector, Windows, burn_rates
from sloengine.budgets.tallies.sums import Positions
from sloengine.budgets.windows import Tier

Mask = npt.NDArray[np.bool_]


def may_burn(windows: Windows, *, budget: Vector, tiers: Sequence[Tier]) -> Mask:
    """Objectives of which a tier's both windows are at its factor or above."""
    burn = burn_rates(bad=windows.bad, total=windows.total, budget=budget)
    found: Mask = np.zeros(len(budget), np.bool_)
    with np.errstate(invalid="ignore"):
        for tier in tiers:
            long, short = burn[:, windows.column(tier.long_seconds)], burn[:, windows.column(tier.short_seconds)]
            found |= (long >= tier.factor) & (short >= tier.factor)
    return found


def all_bad(windows: Windows, *, slices: int, seconds: int) -> Mask:
    """Whether every one of the last slices was bad, with as many of them as R4 asks for: 5 of 5 minutes."""
    column = windows.column(seconds)
    total = windows.total[:, column]
    found: Mask = (total >= slices) & (windows.bad[:, column] >= total)
    return found


def only(windows: Windows, rows: Positions) -> Windows:
    """The windows of some objectives."""
    return Windows(
        seconds=windows.seconds,
        bad=windows.bad[rows],
        total=windows.total[rows],
        covered=windows.covered[rows],
        answered=windows.answered[rows],
        age_seconds=windows.age_seconds[rows],
    )
