"""`queue_growth_share > 50 %`, `{any: [...]}`, `{all: [...]}`: conditions over signals, judged true, false or
"cannot tell" (None).

any   true as soon as one holds; "cannot tell" only when no member can be told; else false
all   false as soon as one does not hold; else "cannot tell" when a member cannot be told; else true
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Literal

from incidents.diagnosis.evidence import Evidence
from incidents.diagnosis.signals import SIGNALS, UNITS, Signals, sentence

_TEST = re.compile(r"^\s*(?P<signal>[a-z][a-z0-9_]*)\s*(?P<op>[<>])\s*(?P<number>-?\d+(?:\.\d+)?)\s*(?P<unit>\S*)\s*$")


class BadConditionError(ValueError):
    """What was found where which condition was expected."""

    def __init__(self, found: str, expected: str) -> None:
        super().__init__(f"found {found}, expected {expected}")
        self.found = found
        self.expected = expected


@dataclass(frozen=True, slots=True)
class Test:
    __test__ = False  # not a pytest class

    signal: str
    op: Literal["<", ">"]
    limit: float  # in the signal's base unit
    threshold: str  # as written: "> 50 %"

    def holds(self, value: float) -> bool:
        return value > self.limit if self.op == ">" else value < self.limit


@dataclass(frozen=True, slots=True)
class Group:
    kind: Literal["any", "all"]
    members: tuple[Condition, ...]


Condition = Test | Group


@dataclass(frozen=True, slots=True)
class Verdict:
    holds: bool | None
    evidence: tuple[Evidence, ...]


def parse_test(found: str) -> Test:
    """`ttft_p95 > 250 ms` -> Test("ttft_p95", ">", 0.25, "> 250 ms"). Raises BadConditionError."""
    match = _TEST.match(found)
    if match is None:
        raise BadConditionError(repr(found), "'<signal> <|> <number> <unit>', such as 'ttft_p95 > 250 ms'")
    name, op, number, unit = match.group("signal", "op", "number", "unit")
    if name not in SIGNALS:
        raise BadConditionError(f"signal {name!r}", f"a known signal{_nearest(name)}")
    units = UNITS[SIGNALS[name].unit]
    if unit not in units:
        raise BadConditionError(
            f"unit {unit!r} on {name}" if unit else f"no unit on {name}", "one of " + ", ".join(sorted(units))
        )
    return Test(
        name, ">" if op == ">" else "<", float(number) * units[unit], f"{op} {number} {unit}".replace(" x", "x")
    )


def _nearest(name: str) -> str:
    close = get_close_matches(name, SIGNALS, n=1)
    return f" (did you mean {close[0]}?)" if close else ""


def show(*, name: str, signals: Signals) -> Evidence:
    """A signal as evidence that is shown, held against no threshold."""
    answer = signals.ask(name)
    return Evidence(
        name, answer.value, SIGNALS[name].unit, "", None, answer.window_seconds, sentence(name, answer), answer.query
    )


def judge(*, condition: Condition, signals: Signals) -> Verdict:
    """Every member is asked, so that the evidence is whole."""
    if isinstance(condition, Test):
        answer = signals.ask(condition.signal)
        holds = None if answer.value is None else condition.holds(answer.value)
        evidence = Evidence(
            condition.signal,
            answer.value,
            SIGNALS[condition.signal].unit,
            condition.threshold,
            holds,
            answer.window_seconds,
            sentence(condition.signal, answer),
            answer.query,
        )
        return Verdict(holds, (evidence,))
    verdicts = [judge(condition=member, signals=signals) for member in condition.members]
    held = [verdict.holds for verdict in verdicts]
    evidence_of_all = tuple(item for verdict in verdicts for item in verdict.evidence)
    return Verdict(_any(held) if condition.kind == "any" else _all(held), evidence_of_all)


def _any(held: list[bool | None]) -> bool | None:
    if True in held:
        return True
    return None if all(one is None for one in held) else False


def _all(held: list[bool | None]) -> bool | None:
    if False in held:
        return False
    return None if None in held else True


def said(condition: Condition) -> str:
    """A condition in a line: "(kv_cache > 85 % and preemption_share > 15 %)"."""
    if isinstance(condition, Test):
        return f"{condition.signal} {condition.threshold}"
    return "(" + (" or " if condition.kind == "any" else " and ").join(said(one) for one in condition.members) + ")"


def signals_of(condition: Condition) -> Iterator[str]:
    if isinstance(condition, Test):
        yield condition.signal
    else:
        for member in condition.members:
            yield from signals_of(member)
