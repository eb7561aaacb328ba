"""The error-budget policy (R12): spent shares govern change, burn rates govern traffic. Pure; the steps are data.

Users are not throttled for last week's spend, and a release is not stopped for this minute's burn.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from enum import StrEnum
from functools import cache
from importlib import resources
from itertools import pairwise
from typing import Any

import yaml

#: The step below all steps: release as usual.
FREE = "free"
SEVERITIES = ("info", "ticket", "page")


class PolicyReason(StrEnum):
    ROOM = "less is spent than any step asks for"
    REACHED = "the spent share has reached the step"
    HELD = "the spent share is above where the step is released"
    UNKNOWN = "there is no data to judge by"


class InvalidPolicy(ValueError):
    """The message says where, what was found and what is expected."""


@dataclass(frozen=True, slots=True)
class Rule:
    """A named step: in force from `at` of the budget spent until less than `release` is."""

    step: str
    at: Decimal
    release: Decimal
    severity: str
    consequence: str


@dataclass(frozen=True, slots=True)
class TrafficRule:
    burn: str  # the severity of a burn
    actions: tuple[str, ...]
    consequence: str


@dataclass(frozen=True, slots=True)
class Policy:
    """`rules` from the strictest to the mildest."""

    name: str
    rules: tuple[Rule, ...]
    traffic: tuple[TrafficRule, ...] = ()

    def rule(self, step: str) -> Rule | None:
        return next((rule for rule in self.rules if rule.step == step), None)


@dataclass(frozen=True, slots=True)
class Decision:
    step: str
    reason: PolicyReason
    consequence: str


def parse(text: str) -> Policy:
    """A policy of the same shape as budget_policy.yaml; InvalidPolicy says what is wrong with it."""
    try:
        data: Any = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise InvalidPolicy(f"the policy: found {str(error).splitlines()[0]}, expected YAML") from error
    if not isinstance(data, dict) or not isinstance(data.get("name"), str) or not isinstance(data.get("steps"), list):
        raise InvalidPolicy("the policy: expected name and steps")
    rules = tuple(_rule(index, row) for index, row in enumerate(data["steps"]))
    ordered = tuple(sorted(rules, key=lambda rule: -rule.at))
    if len({rule.step for rule in rules}) < len(rules) or any(rule.step == FREE for rule in rules):
        raise InvalidPolicy(f"steps: expected names of their own, and none called {FREE}")
    if any(stricter.at == milder.at for stricter, milder in pairwise(ordered)):
        raise InvalidPolicy("steps: expected shares of their own; two are at the same")
    return Policy(data["name"], ordered, tuple(_traffic(i, row) for i, row in enumerate(data.get("traffic") or [])))


def _rule(index: int, row: Any) -> Rule:
    where = f"steps[{index}]"
    if not isinstance(row, dict) or not {"step", "at", "consequence"} <= set(row):
        raise InvalidPolicy(f"{where}: found {row!r}, expected step, at, release, severity and consequence")
    at = _share(row["at"], f"{where}.at")
    release = _share(row.get("release", row["at"]), f"{where}.release")
    severity = str(row.get("severity", "info"))
    if release > at:
        raise InvalidPolicy(f"{where}.release: found {release}, expected at most {at}, where the step begins")
    if severity not in SEVERITIES:
        raise InvalidPolicy(f"{where}.severity: found {severity!r}, expected one of {', '.join(SEVERITIES)}")
    return Rule(str(row["step"]), at, release, severity, str(row["consequence"]))


def _share(value: Any, where: str) -> Decimal:
    try:
        found = Decimal(str(value))
    except InvalidOperation:
        found = Decimal(-1)
    if not 0 < found <= 10:
        raise InvalidPolicy(f'{where}: found {value!r}, expected a share of the budget above 0, for instance "0.75"')
    return found


def _traffic(index: int, row: Any) -> TrafficRule:
    actions = row.get("actions") if isinstance(row, dict) else None
    if not isinstance(actions, list) or row.get("burn") not in ("page", "ticket"):
        raise InvalidPolicy(f"traffic[{index}]: found {row!r}, expected burn: page or ticket, and actions")
    return TrafficRule(row["burn"], tuple(map(str, actions)), str(row.get("consequence", "")))


@cache
def shipped() -> Policy:
    return parse(resources.files(__package__).joinpath("budget_policy.yaml").read_text(encoding="utf-8"))


def decide(*, spent_ratio: float | None, policy: Policy | None = None, standing: str = FREE) -> Decision:
    """What the spent share means for changes: 0.5 is a review, 0.75 canary only, 1 a freeze (each at or above).

    A step that stands is left only below its release: 0.97 is a freeze for whom it was one already, and canary only for others.
    Where nothing is known, what stands stays.
    """
    policy = policy or shipped()
    held = policy.rule(standing)
    if spent_ratio is None:
        if held is not None:
            return Decision(held.step, PolicyReason.UNKNOWN, held.consequence)
        return Decision(FREE, PolicyReason.UNKNOWN, "Nothing is known, so nothing is decided.")
    for rule in policy.rules:
        if spent_ratio >= rule.at:
            return Decision(rule.step, PolicyReason.REACHED, rule.consequence)
        if rule is held and spent_ratio >= rule.release:
            return Decision(rule.step, PolicyReason.HELD, rule.consequence)
    return Decision(FREE, PolicyReason.ROOM, "Release as usual.")


@dataclass(frozen=True, slots=True)
class TrafficAdvice:
    protect: bool
    sentence: str
    actions: tuple[str, ...] = ()


def advise_traffic(*, burning: Sequence[str], policy: Policy | None = None) -> TrafficAdvice:
    """A burn of a severity that the policy names asks for its actions; a spent budget alone asks for none."""
    for rule in (policy or shipped()).traffic:
        if rule.burn in burning:
            return TrafficAdvice(True, rule.consequence, rule.actions)
    return TrafficAdvice(False, "Traffic is served as it comes.")
