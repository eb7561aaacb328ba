"""From scores to what somebody is told. Pure.

Whether an hour departs from the usual is one question, whether it matters another: a departure of three cents is one all the same,
and thresholds on money do not change what is detected.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from sloengine.cost.anomaly.drivers import Driver, Factors, main_driver, parts
from sloengine.cost.anomaly.scores import View


class Reason(StrEnum):
    SPIKE = "spent more than usual"
    STEP = "has spent more than usual for hours"
    MIX = "spends what is usual in another way"
    LESS = "spends less than usual"
    USUAL = "spends what is usual"
    IMMATERIAL = "departs from the usual by too little to matter"
    FORESEEN = "departs from the usual as was foreseen"
    YOUNG = "has too little history"
    NO_DATA = "used nothing"


class Measure(StrEnum):
    """What is scored of a tenant and service."""

    SPEND = "spend"
    REQUESTS = "requests"
    SIZE = "tokens per request"
    PRICE = "price per token"


DRIVER_OF = {
    Measure.REQUESTS: Driver.REQUESTS,
    Measure.SIZE: Driver.TOKENS_PER_REQUEST,
    Measure.PRICE: Driver.PRICE,
}


@dataclass(frozen=True, slots=True)
class Rules:
    """`most_per_week` is what chance would make by the calculated p-value; days on which everything is a little different make more.
    To matter, a departure takes five dollars an hour and a quarter of the usual."""

    most_per_week: float = 0.0005
    least_usd_per_hour: float = 5.0
    least_tokens_per_hour: float = 50_000.0  # where no price is known
    least_ratio: float = 0.25
    #: By then every kind of day was seen once; younger tenants are compared with the others every five minutes.
    least_hours: int = 8 * 24


@dataclass(frozen=True, slots=True)
class Score:
    """`rate`: how many hours a week as far out chance makes; `noises` is signed."""

    rate: float
    view: View
    noises: float


@dataclass(frozen=True, slots=True)
class Hour:
    """What one tenant did on one service, and what was expected, over `hours` that end now."""

    actual: Factors
    expected: Factors
    scores: Mapping[Measure, Score]
    hours: int = 1
    priced: bool = True
    age_hours: int = 10_000


@dataclass(frozen=True, slots=True)
class Verdict:
    reason: Reason
    driver: Driver | None = None
    measure: Measure | None = None
    extra_per_hour: float = 0.0  # USD, or tokens where no price is known
    factor: float | None = None  # now over usual
    parts: Mapping[Driver, float] | None = None  # per hour
    rate: float = 1.0

    @property
    def opens(self) -> bool:
        return self.reason in (Reason.SPIKE, Reason.STEP, Reason.MIX)


def decide(hour: Hour, rules: Rules | None = None) -> Verdict:
    """Spend first; where it is usual, whether its factors moved against each other."""
    rules = rules or Rules()
    if hour.age_hours < rules.least_hours:
        return Verdict(Reason.YOUNG)
    if hour.actual.spend <= 0 and hour.expected.spend <= 0:
        return Verdict(Reason.NO_DATA)
    moved = {measure: score for measure, score in hour.scores.items() if score.rate <= rules.most_per_week}
    split = {driver: part / hour.hours for driver, part in parts(before=hour.expected, after=hour.actual).items()}
    extra = (hour.actual.spend - hour.expected.spend) / hour.hours
    usual = hour.expected.spend / hour.hours
    factor = hour.actual.spend / hour.expected.spend if hour.expected.spend > 0 else None
    driver = main_driver(split)

    def verdict(reason: Reason, measure: Measure, by: Driver = driver) -> Verdict:
        return Verdict(reason, by, measure, extra, factor, split, moved[measure].rate)

    if not moved:
        return Verdict(Reason.USUAL, extra_per_hour=extra, factor=factor)
    material = _material(extra, usual, hour.priced, rules)
    first = min(moved, key=lambda measure: moved[measure].rate)
    if material and (Measure.SPEND in moved or _confirmed(moved, driver)):
        measure = Measure.SPEND if Measure.SPEND in moved else first
        if extra < 0:
            return verdict(Reason.LESS, measure)
        return verdict(Reason.STEP if hour.hours > 1 else Reason.SPIKE, measure)
    shifted = [
        measure for measure in moved if measure in DRIVER_OF and _shifted(split, measure, usual, hour.priced, rules)
    ]
    if shifted and not material:
        measure = max(shifted, key=lambda one: abs(split[DRIVER_OF[one]]))
        return verdict(Reason.MIX, measure, DRIVER_OF[measure])
    return verdict(Reason.IMMATERIAL, first)


def _confirmed(moved: Mapping[Measure, Score], driver: Driver) -> bool:
    """The factor that makes the difference has itself departed."""
    return any(DRIVER_OF.get(measure) is driver for measure in moved)


def _material(extra: float, usual: float, priced: bool, rules: Rules) -> bool:
    least = rules.least_usd_per_hour if priced else rules.least_tokens_per_hour
    return abs(extra) >= least and abs(extra) >= rules.least_ratio * usual


def _shifted(split: Mapping[Driver, float], measure: Measure, usual: float, priced: bool, rules: Rules) -> bool:
    """A factor that has departed by a part that would matter, had the others stood still."""
    return _material(split[DRIVER_OF[measure]], usual, priced, rules)
