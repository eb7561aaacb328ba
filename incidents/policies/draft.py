"""A policy as it stands in the form: steps added, moved and taken out before anything is saved. Pure.

Everything is kept as it was typed, so that what is wrong comes back as it was written.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace

from incidents.oncall import windows
from incidents.oncall.document import HoursDocument, ScheduleInvalidError, known_zone
from incidents.oncall.windows import Posted, Window
from incidents.paging.escalation import Step, Target, hours_of

MOST_STEPS = 30
LONGEST_SECONDS = 7 * 86400


@dataclass(frozen=True, slots=True)
class StepDraft:
    """One step; `targets` are "user:ana", "schedule:primary", "team:serving"; `wait` is in minutes."""

    targets: tuple[str, ...] = ()
    wait: str = "5"
    round_robin: bool = False
    severity: int = 5
    zone: str = "UTC"
    hours: tuple[Window, ...] = ()


@dataclass(frozen=True, slots=True)
class Draft:
    """The whole form. `scope` is "", "service:chat" or "team:serving"; the answers hold for minutes, empty: for good."""

    name: str = ""
    scope: str = ""
    is_default: bool = False
    is_fallback: bool = False
    repeats: str = "2"
    acknowledgements: str = "1"
    sev1_answer: str = "30"
    other_answer: str = ""
    steps: tuple[StepDraft, ...] = ()

    def after(self, press: str, *, zone: str) -> Draft:
        """With what a button asks for: "add", "up-2", "down-1", "out-3". Others change nothing."""
        steps = list(self.steps)
        verb, _, digits = press.partition("-")
        place = int(digits) - 1 if digits.isascii() and digits.isdigit() and len(digits) < 4 else -1
        if verb == "add" and len(steps) < MOST_STEPS:
            steps.append(StepDraft(zone=zone))
        elif verb == "out" and 0 <= place < len(steps):
            del steps[place]
        elif verb in {"up", "down"} and 0 <= place < len(steps):
            other = place + (1 if verb == "down" else -1)
            if 0 <= other < len(steps):
                steps[place], steps[other] = steps[other], steps[place]
        return replace(self, steps=tuple(steps))


@dataclass(frozen=True, slots=True)
class Wanted:
    """The form's numbers, read; seconds."""

    repeats: int
    acknowledgements: int
    sev1_answer_seconds: int | None
    other_answer_seconds: int | None
    waits: tuple[int, ...]
    hours: tuple[tuple[HoursDocument, ...], ...]


def posted(given: Posted) -> Draft:
    """The draft that a form sent."""

    def one(name: str) -> str:
        return (given.getlist(name) or [""])[0].replace("\x00", "").strip()

    steps = []
    for place in range(1, MOST_STEPS + 1):
        if not given.getlist(f"s{place}-wait"):
            break
        severity = one(f"s{place}-severity")
        targets = dict.fromkeys(value for value in given.getlist(f"s{place}-target") if ":" in value)
        steps.append(
            StepDraft(
                targets=tuple(targets),
                wait=one(f"s{place}-wait"),
                round_robin=bool(one(f"s{place}-robin")),
                severity=int(severity) if severity in set("12345") else 5,
                zone=one(f"s{place}-zone") or "UTC",
                hours=windows.posted(given, prefix=f"{place}-w"),
            )
        )
    return Draft(
        name=one("name")[:200],
        scope=one("scope"),
        is_default=bool(one("is_default")),
        is_fallback=bool(one("is_fallback")),
        repeats=one("repeats"),
        acknowledgements=one("acknowledgements"),
        sev1_answer=one("sev1_answer"),
        other_answer=one("other_answer"),
        steps=tuple(steps),
    )


def read(draft: Draft, *, known: Mapping[str, Target]) -> tuple[Wanted | None, list[str]]:
    """What the draft asks for, or all that is wrong with it, a sentence each."""
    wrong: list[str] = []
    if not draft.name:
        wrong.append("Name: it has none yet.")
    waits, hours = [], []
    for place, step in enumerate(draft.steps, start=1):
        waits.append(_seconds(step.wait, f"Step {place}, wait", wrong) or 0)
        strangers = [target for target in step.targets if target not in known]
        if strangers:
            wrong.append(f"Step {place}: {', '.join(strangers)} is not here any more; choose somebody else.")
        elif not step.targets:
            wrong.append(f"Step {place} tells nobody: choose a schedule, a person or a team, or take the step out.")
        try:
            hours.append(windows.read(step.hours))
            known_zone(step.zone)
        except (windows.WindowInvalid, ScheduleInvalidError) as reason:
            wrong.append(f"Step {place}: {reason}.")
    wanted = Wanted(
        repeats=_whole(draft.repeats, "Times over again", 0, wrong),
        acknowledgements=_whole(draft.acknowledgements, "People who have to answer", 1, wrong),
        sev1_answer_seconds=_seconds(draft.sev1_answer, "An answer in SEV1 holds", wrong, may_lack=True),
        other_answer_seconds=_seconds(draft.other_answer, "Other answers hold", wrong, may_lack=True),
        waits=tuple(waits),
        hours=tuple(hours),
    )
    return (None if wrong else wanted), wrong


def steps(draft: Draft, wanted: Wanted, *, known: Mapping[str, Target]) -> tuple[Step, ...]:
    """The steps as escalation takes them."""
    return tuple(
        Step(
            targets=tuple(known[target] for target in step.targets),
            after_seconds=wait,
            round_robin=step.round_robin,
            mildest_severity=step.severity,
            hours=tuple(hours_of(one) for one in hours),
            zone=step.zone,
        )
        for step, wait, hours in zip(draft.steps, wanted.waits, wanted.hours, strict=True)
    )


def minutes(seconds: int | None) -> str:
    """Seconds as the form shows them: 300 -> '5', 90 -> '1.5', None -> ''."""
    return "" if seconds is None else f"{seconds / 60:.10g}"


def seconds_of(text: str) -> int | None:
    """Minutes as typed, in whole seconds: '1.5' -> 90; None for what is no number of minutes from 0 to a week."""
    try:
        value = float(text.replace(",", "."))
    except ValueError:
        return None
    return round(value * 60) if math.isfinite(value) and 0 <= value * 60 <= LONGEST_SECONDS else None


def _seconds(text: str, what: str, wrong: list[str], *, may_lack: bool = False) -> int | None:
    if not text and may_lack:
        return None
    found = seconds_of(text)
    if found is None:
        wrong.append(f"{what}: found {text[:20]!r}, expected minutes from 0 to {LONGEST_SECONDS // 60}.")
    return found


def _whole(text: str, what: str, least: int, wrong: list[str]) -> int:
    if text.isascii() and text.isdigit() and least <= int(text[:3]) <= 20:
        return int(text[:3])
    wrong.append(f"{what}: found {text[:20]!r}, expected a whole number from {least} to 20.")
    return least
