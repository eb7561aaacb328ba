"""What replicas carry, and when that is not enough. Pure.

Queueing begins where the mean latency leaves what it is at low load: the greatest load a replica (tokens a second) at which it is at
most one and a half times that of the least loaded hours, on the measured curve (`whatif.curve`). For a single server with exponential
times that is a third of its limit, for batches on a GPU far more (Kleinrock, Queueing Systems I, 3.2). Where no hour came so far,
the greatest load that was seen is a lower bound and no date is given: saturation is never made up.

Four replicas that each carry 7,000 tokens a second at 70 %: 19,600 together; a peak of 14,700 leaves a quarter of that.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from fractions import Fraction

from sloengine.cost.forecast.ahead import Forecast, State
from sloengine.cost.whatif.curve import MEASURED, Curve

#: So many times the latency at the least load is waiting; the part of saturation that a peak may fill.
SLOWER, TARGET = 1.5, 0.7


class BadTarget(ValueError):
    """A target utilisation that is none, in words."""


@dataclass(frozen=True, slots=True)
class Saturation:
    """Tokens a second and replica; not `seen`: at least so many."""

    load: float
    seen: bool


def saturation(curve: Curve | None) -> Saturation | None:
    """None where no spread of loads was measured."""
    if curve is None or curve.origin != MEASURED or not curve.points:
        return None
    limit = SLOWER * curve.points[0][1]
    load = curve.load_within(limit)
    return None if load is None else Saturation(load, curve.points[-1][1] > limit)


@dataclass(frozen=True, slots=True)
class Capacity:
    """Of one service. Loads in tokens a second; `peak` is that of the busiest hour of the last closed day, `peaks` the forecast of it."""

    service: str
    replicas: int | None
    saturation: Saturation | None
    peak: float | None
    peaks: Forecast
    usd_per_replica_month: Fraction | None = None
    target: float = TARGET

    @property
    def one_more(self) -> float | None:
        """What one replica carries at the target."""
        return None if self.saturation is None else self.saturation.load * self.target

    @property
    def carried(self) -> float | None:
        """What those carry that are up now."""
        return None if self.one_more is None or self.replicas is None else self.one_more * self.replicas

    @property
    def known(self) -> bool:
        """Whether `carried` is a limit, and not only a lower bound."""
        return self.carried is not None and self.saturation is not None and self.saturation.seen

    @property
    def headroom(self) -> float | None:
        """The part of what is carried that the last peak left; below 0 it is passed. None where it is not known."""
        if not self.known or not self.carried or self.peak is None:
            return None
        return 1 - self.peak / self.carried

    def runs_out(self, *, upper: bool = False) -> date | None:
        """The first day whose forecast peak (its upper end) is more than is carried; None: not within the quarter, or not known."""
        if not self.known or self.carried is None or self.peaks.state is not State.KNOWN:
            return None
        carried = self.carried
        return next((one.day for one in self.peaks.ahead if (one.high if upper else one.middle) > carried), None)

    @property
    def days_bought(self) -> int | None:
        """How much later it runs out with one more replica; None where either day is not within the quarter."""
        if self.replicas is None:
            return None
        now, then = self.runs_out(), replace(self, replicas=self.replicas + 1).runs_out()
        return None if now is None or then is None else (then - now).days

    @property
    def lasts_with_one_more(self) -> bool:
        """It runs out within the quarter as it is, and with one more replica it does not."""
        if self.replicas is None or self.runs_out() is None:
            return False
        return replace(self, replicas=self.replicas + 1).runs_out() is None


def target_of(text: str) -> float:
    """'70' or '70 %' is 0.7; 0.7 where nothing is said."""
    words = text.strip().removesuffix("%").strip()
    if not words:
        return TARGET
    try:
        points = float(Decimal(words))
    except ArithmeticError:
        points = 0.0
    if not 1 <= points <= 100:
        raise BadTarget(f"target: found {text!r}, expected per cent from 1 to 100")
    return points / 100
