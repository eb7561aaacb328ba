"""A postmortem's first draft, written from what was recorded: nothing in it is guessed.

What nobody could measure reads "cannot tell"; what only people know is left as questions for them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from incidents.response.times import Times, words
from observability.core.words import percent

CANNOT_TELL = "cannot tell"


@dataclass(frozen=True, slots=True)
class BudgetSpent:
    """What the incident took of one objective's error budget, in its unit (requests, minutes); the share is of 1."""

    objective: str
    title: str
    unit: str
    target: float
    bad: float | None
    total: float | None
    budget_share: float | None


@dataclass(frozen=True, slots=True)
class Impact:
    """What the users felt between impact start and mitigation. None where it was not measured."""

    start: datetime | None
    end: datetime | None
    requests: float | None
    failed: float | None
    budgets: tuple[BudgetSpent, ...]


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the timeline."""

    at: datetime
    actor: str
    what: str


@dataclass(frozen=True, slots=True)
class Question:
    """One question of the decision path: its answer and the sentences that gave it."""

    question: str
    answer: str
    evidence: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Facts:
    """Everything the draft is written from."""

    name: str
    title: str
    headline: str
    severity: str
    service: str
    leaf: str
    leaf_title: str
    confidence: float | None
    runbook: str
    cause: str
    refuted_by: str
    commander: str
    resolved_reason: str
    times: Times
    impact: Impact
    timeline: Sequence[Line]
    path: Sequence[Question]
    rivals: Sequence[str]
    escalations: int
    failed_deliveries: int
    reopened: int
    simulated: bool
    drafted_at: datetime
    replay: str = ""


def draft(facts: Facts) -> str:
    """The whole draft as Markdown."""
    sections = (
        _head(facts),
        _summary(facts),
        _impact(facts.impact),
        _times(facts.times),
        _path(facts),
        _timeline(facts.timeline),
        _prompts(facts),
        _actions(facts),
    )
    return "\n\n".join("\n".join(section) for section in sections) + "\n"


def _head(facts: Facts) -> list[str]:
    lines = [
        f"# {facts.name}: {escape(facts.title)}",
        "",
        f"Draft of {facts.drafted_at:%Y-%m-%d %H:%M} UTC, written by Tailwatch from the timeline. "
        "Blameless: it asks what made the error easy, not who made it.",
    ]
    return [*lines, "", "**Simulated fleet: no real user was affected.**"] if facts.simulated else lines


def _summary(facts: Facts) -> list[str]:
    confidence = "" if facts.confidence is None else f" (confidence {percent(facts.confidence, 0)})"
    diagnosis = f"{escape(facts.leaf_title or facts.leaf)}{confidence}" if facts.leaf else "none"
    lines = [
        "## Summary",
        "",
        escape(facts.headline) or "No diagnosis was recorded.",
        "",
        f"- Service: {escape(facts.service) or 'not known'}",
        f"- Severity: {facts.severity}",
        f"- Diagnosis: {diagnosis}",
        f"- Commander: {escape(facts.commander) or 'nobody took command'}",
        *([f"- Replay suite: {escape(facts.replay)}"] if facts.replay else []),
        f"- Ended: {escape(facts.resolved_reason) or 'not resolved'}",
    ]
    return [*lines, f"- Runbook: [{facts.runbook}](/runbooks/{facts.runbook}/)"] if facts.runbook else lines


def _impact(impact: Impact) -> list[str]:
    lines = ["## Impact", ""]
    if impact.start is not None and impact.end is not None:
        lasted = words(impact.end - impact.start)
        lines.append(f"From {impact.start:%Y-%m-%d %H:%M:%S} to {impact.end:%H:%M:%S} UTC ({lasted}).")
        lines.append("")
    lines.append(f"- Failed requests: {_of(impact.failed, impact.requests)}")
    if not impact.budgets:
        lines.append(f"- Error budget spent: {CANNOT_TELL}")
        return lines
    lines += ["", "| Objective | Bad | Budget spent |", "|---|---:|---:|"]
    for spent in impact.budgets:
        share = CANNOT_TELL if spent.budget_share is None else f"{spent.budget_share:.1%}"
        bad = CANNOT_TELL if spent.bad is None else f"{count(spent.bad)} of {count(spent.total)} {spent.unit}"
        lines.append(f"| {escape(spent.title)} | {bad} | {share} |")
    return lines


def _times(times: Times) -> list[str]:
    return [
        "## Times",
        "",
        "| | |",
        "|---|---:|",
        f"| To detect (from impact start) | {words(times.to_detect)} |",
        f"| To acknowledge (from first page) | {words(times.to_acknowledge)} |",
        f"| To mitigate (from impact start) | {words(times.to_mitigate)} |",
        f"| To resolve (from impact start) | {words(times.to_resolve)} |",
    ]


def _path(facts: Facts) -> list[str]:
    lines = ["## How it was diagnosed", ""]
    if not facts.path:
        return [*lines, "No decision path was recorded."]
    for number, question in enumerate(facts.path, start=1):
        lines.append(f"{number}. {escape(question.question)} **{escape(question.answer)}**")
        lines += [f"   - {escape(sentence)}" for sentence in question.evidence]
    if facts.cause:
        lines += ["", f"Cause: {escape(facts.cause)}"]
    if facts.refuted_by:
        lines += ["", f"It would be refuted by: {escape(facts.refuted_by)}"]
    if facts.rivals:
        lines += ["", "Also considered:", "", *(f"- {escape(rival)}" for rival in facts.rivals)]
    return lines


def _timeline(entries: Sequence[Line]) -> list[str]:
    lines = ["## Timeline", "", "| UTC | Who | What |", "|---|---|---|"]
    day = None
    for entry in entries:
        moment = f"{entry.at:%H:%M:%S}" if entry.at.date() == day else f"{entry.at:%Y-%m-%d %H:%M:%S}"
        day = entry.at.date()
        lines.append(f"| {moment} | {escape(entry.actor)} | {escape(entry.what)} |")
    return lines


def _prompts(facts: Facts) -> list[str]:
    well, badly = list(_went_well(facts)), list(_went_badly(facts))
    return [
        "## What went well",
        "",
        *(f"- {line}" for line in [*well, "What else? (people who acted write here)"]),
        "",
        "## What went badly",
        "",
        *(f"- {line}" for line in [*badly, "What else? What surprised you?"]),
        "",
        "## Where we were lucky",
        "",
        "- What would have made this worse?",
    ]


def _went_well(facts: Facts) -> Iterable[str]:
    acknowledged, detected = facts.times.to_acknowledge, facts.times.to_detect
    if detected is not None and detected <= timedelta(minutes=5):
        yield f"Detected {words(detected)} after the impact began."
    if acknowledged is not None and acknowledged <= timedelta(minutes=5):
        yield f"Acknowledged {words(acknowledged)} after the first page."
    if facts.leaf and facts.leaf != "unexplained":
        yield "The decision tree named a cause; was it the right one?"


def _went_badly(facts: Facts) -> Iterable[str]:
    acknowledged, detected = facts.times.to_acknowledge, facts.times.to_detect
    if detected is not None and detected > timedelta(minutes=5):
        yield f"The impact lasted {words(detected)} before it was detected: which signal would have shown it sooner?"
    if facts.times.to_acknowledge is None:
        yield "Nobody acknowledged it."
    elif acknowledged is not None and acknowledged > timedelta(minutes=5):
        yield f"The first page waited {words(acknowledged)} for an answer."
    if facts.escalations:
        yield f"It was escalated {facts.escalations} time{'s' if facts.escalations > 1 else ''}."
    if facts.failed_deliveries:
        yield f"{facts.failed_deliveries} message(s) could not be delivered: see the timeline."
    if facts.reopened:
        yield "It was reopened: the first end was not the end."
    if not facts.leaf or facts.leaf == "unexplained":
        yield "The cause was not found by the decision tree: which signal was missing?"


def _actions(facts: Facts) -> list[str]:
    subject = escape(facts.service) or "the service"
    return [
        "## Action items",
        "",
        "| What | Kind | Owner | Due |",
        "|---|---|---|---|",
        f"| Prevent: what would have kept {subject} from failing this way? | prevent | | |",
        "| Detect: what would have told us sooner? | detect | | |",
        "| Mitigate: what would have ended it sooner? | mitigate | | |",
    ]


def _of(part: float | None, whole: float | None) -> str:
    if part is None or whole is None:
        return CANNOT_TELL
    share = f" ({part / whole:.2%})" if whole > 0 else ""
    return f"{count(part)} of {count(whole)}{share}"


def count(value: float | None) -> str:
    """A count as people read it: 12345.2 → "12,345"; None → "cannot tell"."""
    return CANNOT_TELL if value is None else f"{value:,.0f}"


def escape(text: str) -> str:
    """Text that stays text inside Markdown: one line, no table cell, no markup and no HTML begins in it."""
    flat = " ".join(text.split())
    for mark in ("\\", "|", "<", "[", "`", "*", "_"):
        flat = flat.replace(mark, f"\\{mark}")
    return flat
