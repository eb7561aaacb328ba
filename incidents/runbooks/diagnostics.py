"""What a diagnostic's answer is worth: the condition speaks for the leaf, against it, or nobody can tell."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from enum import StrEnum
from typing import Any

from incidents.diagnosis.conditions import Test
from incidents.diagnosis.evidence import Answer
from incidents.diagnosis.signals import SIGNALS, sentence
from incidents.runbooks.format import Step
from observability.core.words import listed


class Outcome(StrEnum):
    CONFIRMS = "confirms"
    REFUTES = "refutes"
    CANNOT_TELL = "cannot tell"
    COULD_NOT_RUN = "could not run"


def judged(*, step: Step, test: Test, answer: Answer, now: datetime) -> dict[str, Any]:
    """A diagnostic with value, verdict and sentence: 2.3 against "> 1.5x" confirms."""
    if answer.value is None:
        verdict = Outcome.CANNOT_TELL
    else:
        verdict = Outcome.CONFIRMS if test.holds(answer.value) else Outcome.REFUTES
    said = sentence(test.signal, answer)
    return _entry(step, test, now) | {
        "value": answer.value,
        "verdict": verdict.value,
        "sentence": said,
        "window_seconds": answer.window_seconds,
    }


def failed(*, step: Step, test: Test, reason: str, now: datetime) -> dict[str, Any]:
    """A diagnostic that gave no answer at all, and why."""
    return _entry(step, test, now) | {
        "value": None,
        "verdict": Outcome.COULD_NOT_RUN.value,
        "sentence": f"Could not run: {reason}",
        "window_seconds": None,
    }


def _entry(step: Step, test: Test, now: datetime) -> dict[str, Any]:
    return {
        "number": step.number,
        "text": step.text,
        "signal": test.signal,
        "expected": test.threshold,
        "unit": SIGNALS[test.signal].unit,
        "ran_at": now.isoformat(),
    }


def summary(results: Iterable[dict[str, Any]]) -> str:
    """All of them in a line: "4 confirm, 1 refutes and 1 could not run"."""
    counts = dict.fromkeys(Outcome, 0)
    for one in results:
        counts[Outcome(one["verdict"])] += 1
    words = {
        Outcome.CONFIRMS: ("confirms", "confirm"),
        Outcome.REFUTES: ("refutes", "refute"),
        Outcome.CANNOT_TELL: ("cannot tell", "cannot tell"),
        Outcome.COULD_NOT_RUN: ("could not run", "could not run"),
    }
    told = [f"{count} {words[outcome][count != 1]}" for outcome, count in counts.items() if count]
    return listed(told) or "nothing to ask"
