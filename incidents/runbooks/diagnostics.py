"""A runbook's steps as a checklist with live values: its diagnostics asked of the incident's signals."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any

from incidents.diagnosis.signals import SIGNALS, Signals, sentence
from incidents.runbooks.format import Runbook, Step


class Outcome(StrEnum):
    CONFIRMS = "confirms"
    REFUTES = "refutes"
    CANNOT_TELL = "cannot tell"


def steps(*, runbook: Runbook, signals: Signals, now: datetime) -> list[dict[str, Any]]:
    """Every step; diagnostics with value, verdict and sentence: 2.3 against "> 1.5x" confirms."""
    return [_step(step, signals, now) for step in runbook.steps]


def _step(step: Step, signals: Signals, now: datetime) -> dict[str, Any]:
    base: dict[str, Any] = {
        "number": step.number,
        "kind": step.kind.value,
        "section": step.section,
        "text": step.text,
        "action": step.action,
    }
    if step.expected is None:
        return base
    answer = signals.ask(step.expected.signal)
    if answer.value is None:
        verdict = Outcome.CANNOT_TELL
    else:
        verdict = Outcome.CONFIRMS if step.expected.holds(answer.value) else Outcome.REFUTES
    return base | {
        "signal": step.expected.signal,
        "expected": step.expected.threshold,
        "value": answer.value,
        "unit": SIGNALS[step.expected.signal].unit,
        "verdict": verdict.value,
        "sentence": sentence(step.expected.signal, answer),
        "window_seconds": answer.window_seconds,
        "ran_at": now.isoformat(),
    }
