"""The error-budget policy (R12): spent shares govern change, burn rates govern traffic. Pure.

Users are not throttled for last week's spend, and a release is not stopped for this minute's burn.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Step(StrEnum):
    FREE = "free"
    REVIEW = "review"
    CANARY_ONLY = "canary only"
    FREEZE = "freeze"


class PolicyReason(StrEnum):
    ROOM = "less than half of the budget is spent"
    HALF = "half of the budget is spent"
    THREE_QUARTERS = "three quarters of the budget are spent"
    ALL = "the budget is spent"
    UNKNOWN = "there is no data to judge by"


@dataclass(frozen=True, slots=True)
class Decision:
    step: Step
    reason: PolicyReason
    consequence: str


@dataclass(frozen=True, slots=True)
class Rule:
    at_ratio: float
    step: Step
    reason: PolicyReason
    consequence: str


RULES = (
    Rule(1.0, Step.FREEZE, PolicyReason.ALL, "No changes but reliability fixes."),
    Rule(0.75, Step.CANARY_ONLY, PolicyReason.THREE_QUARTERS, "Changes go to a canary first."),
    Rule(0.5, Step.REVIEW, PolicyReason.HALF, "Each change is reviewed for its risk."),
)


def decide(*, spent_ratio: float | None) -> Decision:
    """What the spent share means for changes: 0.5 is a review, 0.75 canary only, 1 a freeze (each at or above)."""
    if spent_ratio is None:
        return Decision(Step.FREE, PolicyReason.UNKNOWN, "Nothing is known, so nothing is decided.")
    for rule in RULES:
        if spent_ratio >= rule.at_ratio:
            return Decision(rule.step, rule.reason, rule.consequence)
    return Decision(Step.FREE, PolicyReason.ROOM, "Release as usual.")


@dataclass(frozen=True, slots=True)
class TrafficAdvice:
    protect: bool
    sentence: str


def advise_traffic(*, page_burning: bool) -> TrafficAdvice:
    """A page-tier burn asks to tighten admission and scale; nothing else does."""
    if page_burning:
        return TrafficAdvice(True, "Tighten admission and add replicas while the burn lasts.")
    return TrafficAdvice(False, "Traffic is served as it comes.")
