"""Burn rates and verdicts, for all windows of all objectives at once. Pure.

Burn rate = (bad / total) / (1 - target): 1 spends the budget exactly in its period, 14.4 spends 2 % of a 30-day budget in an
hour. Arrays are objectives x windows; a tier compares two columns. No data, zero traffic and all bad stay three answers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
import numpy.typing as npt

from sloengine.budgets.windows import Tier

Matrix = npt.NDArray[np.float64]
Vector = npt.NDArray[np.float64]


class Reason(StrEnum):
    BURNING = "burning"
    WITHIN_BUDGET = "within budget"
    NO_DATA = "no data"
    ZERO_TRAFFIC = "zero traffic"
    CANNOT_FIRE = "cannot fire"  # the budget is so wide that all bad is still below the factor
    TOO_FEW_FAILURES = "too few failures"
    TOO_LITTLE_TRAFFIC = "too little traffic"
    TOO_YOUNG = "too young"  # the short window reaches back before the first data
    INHIBITED = "inhibited by a faster tier"
    NOT_YET = "not for long enough yet"
    ANSWERED = "already paged"  # what it counts belongs to an episode that a faster tier paged and that is over


@dataclass(frozen=True, slots=True)
class Windows:
    """Sums per objective (row) and window (column). `covered` is the seconds for which there was data at all.

    `answered` is the part of `bad` that belongs to episodes a faster tier has already paged; `age_seconds` the time since the
    first data of each objective. A long window may be partial (the fleet is ten minutes old), a short one must be whole.
    """

    seconds: tuple[int, ...]
    bad: Matrix
    total: Matrix
    covered: Matrix
    answered: Matrix
    age_seconds: Vector

    def column(self, seconds: int) -> int:
        return self.seconds.index(seconds)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What one tier says of one objective. Burn rates are None where there is nothing to divide."""

    tier: Tier
    reason: Reason
    burn_long: float | None
    burn_short: float | None
    bad: float
    total: float
    partial: bool  # the long window reaches back before the first data, or over a gap

    @property
    def burning(self) -> bool:
        return self.reason is Reason.BURNING


def burn_rates(*, bad: Matrix, total: Matrix, budget: Vector) -> Matrix:
    """Burn rates, NaN where total is 0: 15 bad of 1,000 at a budget of 0.001 is 15."""
    ratio = np.divide(bad, total, out=np.full(bad.shape, np.nan), where=total > 0)
    rates: Matrix = ratio / budget[:, None]
    return rates


def can_fire(*, factor: float, budget: float, inclusive: bool = False) -> bool:
    """Whether all bad would exceed the factor: 14.4 x can never fire for a target of 93.05 % or less."""
    return factor * budget < 1 or (inclusive and factor * budget <= 1)


def unreachable_notice(*, tiers: Sequence[Tier], budget: float) -> str:
    """The sentence about tiers that cannot fire for this target; empty where all can."""
    names = [
        f"{tier.name} ({tier.factor:g} x)"
        for tier in tiers
        if not can_fire(factor=tier.factor, budget=budget, inclusive=tier.inclusive)
    ]
    if not names:
        return ""
    return f"Left out, since even with every request bad it could not fire at this target: {', '.join(names)}."


def verdicts(
    *,
    windows: Windows,
    budget: Vector,
    tiers: Sequence[Tier],
    minimum_failures: Vector,
    tick_seconds: int,
    minimum_events: Vector | None = None,
) -> list[list[Verdict]]:
    """One verdict per objective and tier, in the order of both; tiers are the fastest first.

    The fastest tier judges everything, as the workbook has it; slower tiers leave out what a faster one has paged. Fewer bad
    than `minimum_failures`, or fewer of all than `minimum_events`, in the long window wake nobody.
    """
    burn = burn_rates(bad=windows.bad, total=windows.total, budget=budget)
    fresh = burn_rates(bad=np.maximum(windows.bad - windows.answered, 0.0), total=windows.total, budget=budget)
    columns: list[list[Verdict]] = []
    for index, tier in enumerate(tiers):
        long, short = windows.column(tier.long_seconds), windows.column(tier.short_seconds)
        reasons = _reasons(windows, burn, tier, long, short, budget, minimum_failures, minimum_events)
        if index:
            answered = (reasons == Reason.BURNING) & ~_above(fresh, tier, long, short)
            reasons[answered] = Reason.ANSWERED
        partial = windows.covered[:, long] < tier.long_seconds - tick_seconds
        columns.append(
            [
                Verdict(
                    tier=tier,
                    reason=Reason(reasons[row]),
                    burn_long=_number(burn[row, long]),
                    burn_short=_number(burn[row, short]),
                    bad=float(windows.bad[row, long]),
                    total=float(windows.total[row, long]),
                    partial=bool(partial[row]),
                )
                for row in range(len(budget))
            ]
        )
    return [list(row) for row in zip(*columns, strict=True)]


def _reasons(
    windows: Windows,
    burn: Matrix,
    tier: Tier,
    long: int,
    short: int,
    budget: Vector,
    minimum_failures: Vector,
    minimum_events: Vector | None,
) -> npt.NDArray[np.object_]:
    """The first that holds: cannot fire, no data, zero traffic, too young, within budget, too little of it, burning."""
    reasons = np.full(len(budget), Reason.BURNING, dtype=object)
    reasons[windows.bad[:, long] < minimum_failures] = Reason.TOO_FEW_FAILURES
    if minimum_events is not None:
        reasons[windows.total[:, long] < minimum_events] = Reason.TOO_LITTLE_TRAFFIC
    reasons[~_above(burn, tier, long, short)] = Reason.WITHIN_BUDGET
    reasons[windows.age_seconds < tier.short_seconds] = Reason.TOO_YOUNG
    reasons[windows.total[:, short] <= 0] = Reason.ZERO_TRAFFIC
    reasons[windows.covered[:, short] <= 0] = Reason.NO_DATA
    for row in np.flatnonzero(tier.factor * budget >= 1):
        if not can_fire(factor=tier.factor, budget=float(budget[row]), inclusive=tier.inclusive):
            reasons[row] = Reason.CANNOT_FIRE
    return reasons


def _above(burn: Matrix, tier: Tier, long: int, short: int) -> npt.NDArray[np.bool_]:
    """Above the factor in both windows, or at it where the table says >=. Nothing is rounded."""
    compare = np.greater_equal if tier.inclusive else np.greater
    with np.errstate(invalid="ignore"):
        above: npt.NDArray[np.bool_] = compare(burn[:, long], tier.factor) & compare(burn[:, short], tier.factor)
    return above


def _number(value: float) -> float | None:
    return None if np.isnan(value) else float(value)
