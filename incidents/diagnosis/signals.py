"""The vocabulary: every signal that a tree or a runbook may name.

A signal is a typed, windowed view of one service: a level, a share, a growth, a factor (now / before), a skew between
replicas, or a count of Findings. "Now" is the last five minutes of the impact, "before" the hour before the impact
began (queries.py). Values are in base units: ratios 0..1, seconds, multiples, counts.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from incidents.diagnosis import measured, vocabulary
from incidents.diagnosis.evidence import Answer, cannot_tell

#: unit of a signal -> how a threshold on it may be written -> multiplier into the base unit
UNITS: Mapping[str, Mapping[str, float]] = {
    "ratio": {"%": 0.01, "ratio": 1.0},
    "points": {"points": 0.01, "ratio": 1.0},
    "cosine": {"cosine": 1.0},
    "s": {"s": 1.0, "ms": 0.001, "min": 60.0, "h": 3600.0},
    "x": {"x": 1.0},
    "count": {"count": 1.0},
    "per_s": {"/s": 1.0},
}


@dataclass(frozen=True, slots=True)
class Signal:
    name: str
    unit: str
    meaning: str
    sentence: str  # with {value}


def _table(*rows: tuple[str, str, str, str]) -> dict[str, Signal]:
    return {name: Signal(name, unit, meaning, sentence) for name, unit, meaning, sentence in rows}


SIGNALS: Mapping[str, Signal] = _table(
    *vocabulary.SPEED_AND_ERRORS, *vocabulary.WORTH, *vocabulary.COST, *measured.rows()
)


class Signals(Protocol):
    """Lazy: a signal is computed when asked, once."""

    def ask(self, name: str) -> Answer: ...


@dataclass(slots=True)
class Table:
    """Signals from plain values: for previews and tests. A name without a value cannot be told."""

    values: Mapping[str, float | Answer | None]
    window_seconds: int = 300
    asked: list[str] = field(default_factory=list)

    def ask(self, name: str) -> Answer:
        self.asked.append(name)
        value = self.values.get(name)
        if isinstance(value, Answer):
            return value
        if value is None:
            return cannot_tell("no data in the window")
        return Answer(value=float(value), window_seconds=self.window_seconds)


def text(value: float, unit: str) -> str:
    """A value as a person reads it: 0.71 ratio -> "71 %", 0.391 s -> "391 ms", 20.1 x -> "20.1 times"."""
    match unit:
        case "ratio":
            percent = value * 100
            return f"{percent:.0f} %" if abs(percent) >= 10 or percent == 0 else f"{percent:.2g} %"
        case "points":
            return f"{value * 100:.3g} points"
        case "cosine":
            return f"{value:.3f}"
        case "s":
            return f"{value * 1000:.0f} ms" if abs(value) < 1 else f"{value:.3g} s"
        case "x":
            return f"{_short(value)} times"
        case "per_s":
            return f"{_short(value)} per second"
        case _:
            return f"{value:,.0f}" if value == int(value) else _short(value)


def _short(value: float) -> str:
    """Three digits, and no exponents: 2.31, 42, 61,234."""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def sentence(name: str, answer: Answer) -> str:
    """The answer in plain words: "Queueing is 71 % of the time to first token (mean share)"."""
    spec = SIGNALS[name]
    if answer.value is None:
        return f"Cannot tell {spec.meaning}: {answer.reason}"
    words = answer.sentence or _plural(spec.sentence, answer.value).format(value=text(answer.value, spec.unit))
    if not answer.detail:
        return words
    return f"{words[:-1]}; {answer.detail})" if words.endswith(")") else f"{words} ({answer.detail})"


def _plural(template: str, value: float) -> str:
    """ "1 replicas do" reads badly: singular for exactly one."""
    if value != 1 or not template.startswith("{value} "):
        return template
    for plural, singular in (
        ("objectives are", "objective is"), ("objectives of availability or speed are", "objective of availability or speed is"),
        ("replicas do", "replica does"), ("requests are", "request is"), ("outages", "outage"), ("changes", "change"),
        ("anomalies", "anomaly"), ("shifts", "shift"),
    ):  # fmt: skip
        template = template.replace(plural, singular)
    return template
