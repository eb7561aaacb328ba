"""The latency budget of one token, and what was measured held against it. Pure.

100 ms a token: network 30, host 10, kernel 20, compute 40. What the probe cannot tell apart it names jointly with + (docs/probes.md),
and a joint slice has the budgets of its parts together: kernel+compute has 60 ms. Looking a name up and opening a connection come
before the first byte; spread over the tokens of an answer they stand beside the slices, for a budget from the first byte on has them not.

Worked: network 10, host 4, kernel 28 and compute 48 ms are 90 of 100 ms, and kernel and compute are over theirs.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

WHOLE_SECONDS: Final = 0.100
SLICES: Final[Mapping[str, float]] = {"network": 0.030, "host": 0.010, "kernel": 0.020, "compute": 0.040}
#: Before the first byte; not part of the 100 ms.
OPENING: Final = ("dns", "connect", "tls")
#: The probe's word for what it cannot split at all.
ALL: Final = "all"


@dataclass(frozen=True, slots=True)
class Slice:
    """`name` may be joint, "kernel+compute"; seconds of one token."""

    name: str
    seconds: float
    budget_seconds: float

    @property
    def over(self) -> bool:
        return self.seconds > self.budget_seconds

    @property
    def joint(self) -> bool:
        return "+" in self.name


@dataclass(frozen=True, slots=True)
class TokenTime:
    """`slices` in the order of the way of a token; `opening` (name, seconds) beside them."""

    slices: tuple[Slice, ...]
    opening: tuple[tuple[str, float], ...]

    @property
    def seconds(self) -> float | None:
        return sum(one.seconds for one in self.slices) if self.slices else None

    @property
    def budget_seconds(self) -> float:
        """Of what was measured: without a client's measurement the network's 30 ms are not part of it."""
        return sum(one.budget_seconds for one in self.slices)

    @property
    def over(self) -> tuple[Slice, ...]:
        """The slices over their budgets, the worst first."""
        return tuple(sorted((one for one in self.slices if one.over), key=lambda one: one.budget_seconds - one.seconds))

    @property
    def missing(self) -> tuple[str, ...]:
        """What nobody measured: "network" without a canary."""
        told = {part for one in self.slices for part in one.name.split("+")}
        return tuple(name for name in SLICES if name not in told)


def budget_of(name: str) -> float | None:
    """Of a slice or joint slices, in seconds; None for what is no slice.

    >>> budget_of("kernel+compute")
    0.06
    """
    parts = list(SLICES) if name == ALL else name.split("+")
    return sum(SLICES[part] for part in parts) if all(part in SLICES for part in parts) else None


def token_time(means: Mapping[str, float]) -> TokenTime:
    """From the mean seconds of each slice, by the probe's names."""
    order = list(SLICES)
    slices = []
    for name, seconds in means.items():
        budget = budget_of(name)
        if budget is not None:
            slices.append(Slice("+".join(SLICES) if name == ALL else name, seconds, budget))
    slices.sort(key=lambda one: order.index(one.name.split("+")[0]))
    return TokenTime(tuple(slices), tuple((name, means[name]) for name in OPENING if name in means))
