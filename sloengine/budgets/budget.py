"""The error budget of one objective over its rolling window, or its calendar's period. Pure.

A target of 99.5 % over 30 days of 1-minute timeslices allows 216 bad minutes. Timeslices know their number before they
happen, so 5 bad minutes of a fleet's first day are 5 / 216 = 2.3 % of the budget. Requests do not: there the budget is a
share of the requests seen so far, and the answer is flagged partial.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from enum import StrEnum


class BudgetState(StrEnum):
    OK = "ok"
    WARNING = "warning"  # half is spent
    BURNING = "burning"  # a page is firing
    EXHAUSTED = "exhausted"
    ZERO_TRAFFIC = "zero traffic"
    NO_DATA = "no data"


#: What stands beside whatever was reckoned of counts that are overfull.
OVERFULL = "More was counted as good than there was at all: it counts as 100 %, and may hide failures."


@dataclass(frozen=True, slots=True)
class Budget:
    """Ratios are of the whole budget: spent 0.25 leaves remaining 0.75; spent above 1 makes remaining negative."""

    state: BudgetState
    allowed: float | None
    bad: float
    total: float
    spent_ratio: float | None
    remaining_ratio: float | None
    attained_ratio: float | None
    exhausted_in: timedelta | None
    partial: bool


def budget(
    *,
    target: Decimal,
    window: timedelta,
    bad: float,
    total: float,
    covered_seconds: float,
    slice_seconds: int | None,
    burn_rate: float | None,
    firing: bool,
    elapsed: timedelta | None = None,
    excluded_seconds: float = 0.0,
    adjusted_ratio: float = 0.0,
) -> Budget:
    """The budget from the sums of its window; `burn_rate` is the present pace, for the time to exhaustion.

    14.4 x on an untouched 30-day budget leaves 30 d / 14.4 = 50 h. `slice_seconds` is None for occurrences. `elapsed` is how much
    of a calendar period is over (None: all of it). Excluded time allows nothing. `adjusted_ratio` was given back by decision:
    0.25 of 216 minutes are 54.
    """
    awaited = (window if elapsed is None else elapsed).total_seconds() - excluded_seconds
    partial = covered_seconds < awaited * 0.99
    if covered_seconds <= 0:
        return Budget(BudgetState.NO_DATA, None, bad, total, None, None, None, None, partial)
    length = max(window.total_seconds() - excluded_seconds, 0.0)
    whole = length / slice_seconds if slice_seconds is not None else total
    allowed = float(1 - target) * whole
    attained = 1 - bad / total if total > 0 else None
    if allowed <= 0:
        return Budget(BudgetState.ZERO_TRAFFIC, None, bad, total, None, None, attained, None, partial)
    spent = bad / allowed - adjusted_ratio
    return Budget(
        state=_state(spent=spent, total=total, firing=firing),
        allowed=allowed,
        bad=bad,
        total=total,
        spent_ratio=spent,
        remaining_ratio=1 - spent,
        attained_ratio=attained,
        exhausted_in=time_to_exhaustion(window=window, remaining_ratio=1 - spent, burn_rate=burn_rate),
        partial=partial,
    )


def _state(*, spent: float, total: float, firing: bool) -> BudgetState:
    if firing:
        return BudgetState.BURNING
    if spent >= 1:
        return BudgetState.EXHAUSTED
    if total <= 0:
        return BudgetState.ZERO_TRAFFIC
    return BudgetState.WARNING if spent >= 0.5 else BudgetState.OK


def time_to_exhaustion(*, window: timedelta, remaining_ratio: float, burn_rate: float | None) -> timedelta | None:
    """How long the rest lasts at the present pace; None at a pace the window gives back as fast as it is spent.

    80.6 % left of 30 days at 20 x: 29 h.
    """
    if remaining_ratio <= 0:
        return timedelta(0)
    if burn_rate is None or burn_rate <= 1:
        return None
    return window * (remaining_ratio / burn_rate)
