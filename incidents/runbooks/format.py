"""A runbook as text: front matter, six sections, steps.

    ---
    title: Queueing under a traffic spike
    slug: traffic-spike
    matches: [traffic-spike]
    severity: 2
    owner: serving
    last_drilled: 2026-10-14
    ---
    ## Confirm and refute
    1. [diagnostic] Did requests rise? `traffic_factor > 1.5 x`
    ## Mitigate now
    2. [action tighten_admission] Tighten admission on the lowest-priority tag.
    3. [manual] Tell the tenants.

`matches` are leaves of the tree, `objectives` kinds of objective; one of the two is there. `last_drilled` may stand there
where a runbook came from elsewhere: drills here are remembered by themselves.

A numbered item that begins with its kind in brackets is a step. A diagnostic ends with the condition that speaks for the
leaf, in the words of the decision tree. Whatever does not fit is a problem with file, line, what was found and what was
expected; a runbook with a problem is refused whole.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import Any

import yaml

from incidents.diagnosis.conditions import BadConditionError, Test, parse_test
from incidents.diagnosis.treefile import ACTIONS
from observability.core.documents import Problem, WithProblems
from sloengine.objectives.objective import Indicator

SECTIONS = ("Symptom", "Why it happens", "Confirm and refute", "Mitigate now", "Root cause", "Harden")
_SLUG = re.compile(r"^[a-z][a-z0-9-]*$")
_STEP = re.compile(r"^(?P<number>\d+)\.\s+\[(?P<kind>[a-z]+)(?:\s+(?P<action>[a-z_]+))?\]\s+(?P<text>.+)$")
_TEST = re.compile(r"`(?P<test>[^`]+)`\s*$")


class Kind(StrEnum):
    MANUAL = "manual"
    DIAGNOSTIC = "diagnostic"
    ACTION = "action"


class RunbookInvalidError(WithProblems, ValueError):
    """The text is no runbook; nothing of it is used."""


@dataclass(frozen=True, slots=True)
class Step:
    number: int
    kind: Kind
    text: str
    section: str
    expected: Test | None = None  # of a diagnostic: what speaks for the leaf
    action: str | None = None


@dataclass(frozen=True, slots=True)
class Section:
    title: str
    markdown: str


@dataclass(frozen=True, slots=True)
class Runbook:
    title: str
    slug: str
    matches: tuple[str, ...]
    severity: int
    owner: str
    sections: tuple[Section, ...]
    steps: tuple[Step, ...]
    objectives: tuple[str, ...] = ()
    last_drilled: date | None = None

    @property
    def markdown(self) -> str:
        return "\n\n".join(f"## {section.title}\n\n{section.markdown}" for section in self.sections)


class _Reader:
    def __init__(self, file: str) -> None:
        self.file = file
        self.problems: list[Problem] = []

    def bad(self, line: int, path: str, found: str, expected: str) -> None:
        self.problems.append(Problem(self.file, line, path, found, expected))


def parse(*, source: str, file: str) -> Runbook:
    """Raises RunbookInvalidError with every problem."""
    reader = _Reader(file)
    lines = source.splitlines()
    end = next((index for index, line in enumerate(lines[1:], 1) if line.strip() == "---"), 0)
    if not lines or lines[0].strip() != "---" or not end:
        reader.bad(1, "", "no front matter", "a block between two lines '---' at the top")
        raise RunbookInvalidError(reader.problems)
    front = _front(reader, "\n".join(lines[1:end]))
    sections, steps = _body(reader, lines, end + 1)
    if reader.problems:
        raise RunbookInvalidError(reader.problems)
    return Runbook(
        title=str(front["title"]),
        slug=str(front["slug"]),
        matches=tuple(front.get("matches", ())),
        severity=int(front["severity"]),
        owner=str(front["owner"]),
        sections=tuple(sections),
        steps=tuple(steps),
        objectives=tuple(front.get("objectives", ())),
        last_drilled=front.get("last_drilled"),
    )


def _front(reader: _Reader, text: str) -> dict[str, Any]:
    try:
        front = yaml.safe_load(text)
    except yaml.MarkedYAMLError as error:
        reader.bad(
            (error.problem_mark.line if error.problem_mark else 0) + 2, "front matter", str(error.problem), "YAML"
        )
        raise RunbookInvalidError(reader.problems) from error
    if not isinstance(front, dict):
        reader.bad(2, "front matter", repr(front), "title, slug, matches, severity, owner")
        raise RunbookInvalidError(reader.problems)
    kinds = [kind.value for kind in Indicator]
    good: dict[str, tuple[Callable[[Any], object], str]] = {
        "title": (lambda value: isinstance(value, str) and value.strip(), "a text"),
        "slug": (
            lambda value: isinstance(value, str) and _SLUG.match(value) and value != "new",
            "lower case letters, digits and -, and not the word new",
        ),
        "matches": (
            lambda value: isinstance(value, list) and value and all(isinstance(one, str) for one in value),
            "a list of leaves",
        ),
        "severity": (lambda value: type(value) is int and 1 <= value <= 5, "a number from 1 to 5"),
        "owner": (lambda value: isinstance(value, str) and value.strip(), "a text"),
        "objectives": (
            lambda value: isinstance(value, list) and value and all(one in kinds for one in value),
            f"a list of {', '.join(kinds)}",
        ),
        "last_drilled": (
            lambda value: isinstance(value, date) and not isinstance(value, datetime),
            "a day, such as 2026-10-14",
        ),
    }
    lines = text.splitlines()
    missing = {"last_drilled"} | {"matches" if "objectives" in front else "objectives"}
    for key, (fits, expected) in good.items():
        if not (key in missing and key not in front) and not fits(front.get(key)):
            reader.bad(_line_of(key, lines), f"front matter.{key}", repr(front.get(key)), expected)
    for key in front.keys() - good.keys():
        reader.bad(_line_of(key, lines), f"front matter.{key}", f"key {key!r}", f"one of {', '.join(good)}")
    return front


def _line_of(key: object, lines: list[str]) -> int:
    """The line of the file on which the front matter has the key; its first where it has none."""
    return next((at for at, line in enumerate(lines, 2) if line.startswith(f"{key}:")), 2)


def _body(reader: _Reader, lines: list[str], start: int) -> tuple[list[Section], list[Step]]:
    sections: list[tuple[int, str, list[str]]] = []  # line, title, body
    items: list[tuple[int, str, str]] = []  # line, section, the step with its continuation lines
    for number, line in enumerate(lines[start:], start + 1):
        if line.startswith("## "):
            sections.append((number, line[3:].strip(), []))
            continue
        if not sections:
            if line.strip():
                reader.bad(number, "", repr(line[:40]), f"'## {SECTIONS[0]}'")
            continue
        _, title, body = sections[-1]
        body.append(line)
        if re.match(r"^\d+\.\s+\[", line):
            items.append((number, title, line))
        elif items and items[-1][1] == title and line.startswith("   ") and line.strip():
            items[-1] = (items[-1][0], title, f"{items[-1][2]} {line.strip()}")
    read = [_step(reader, number, text, title) for number, title, text in items]
    steps = [step for step in read if step is not None]
    titles = tuple(title for _, title, _ in sections)
    if titles != SECTIONS:
        wrong = next(
            (line for (line, title, _), right in zip(sections, SECTIONS, strict=False) if title != right), start + 1
        )
        reader.bad(wrong, "sections", ", ".join(titles) or "none", ", ".join(SECTIONS))
    for line_of, title, body in sections:
        if not "".join(body).strip():
            reader.bad(line_of, title, "nothing", "a text")
    numbers = [step.number for step in steps]
    if len(steps) == len(items) and (numbers != list(range(1, len(steps) + 1)) or not steps):
        line_of = next((items[at][0] for at, number in enumerate(numbers) if number != at + 1), start + 1)
        reader.bad(line_of, "steps", ", ".join(map(str, numbers)) or "none", "steps numbered 1, 2, 3 ...")
    return [Section(title, "\n".join(body).strip()) for _, title, body in sections], steps


def _step(reader: _Reader, line: int, text: str, section: str) -> Step | None:
    match = _STEP.match(text)
    kinds = [kind.value for kind in Kind]
    if match is None or match["kind"] not in kinds:
        reader.bad(
            line,
            "step",
            repr(text[:60]),
            "'1. [manual] ...', '1. [diagnostic] ... `signal > 1 x`' or '1. [action name] ...'",
        )
        return None
    kind, said, action = Kind(match["kind"]), match["text"].strip(), match["action"]
    number = int(match["number"])
    if kind is Kind.ACTION:
        if action not in ACTIONS:
            reader.bad(line, "step", f"action {action!r}", f"one of {', '.join(sorted(ACTIONS))}")
        return Step(number, kind, said, section, action=action)
    if action is not None:
        reader.bad(line, "step", f"{kind.value} {action}", f"[{kind.value}]")
    if kind is Kind.MANUAL:
        return Step(number, kind, said, section)
    test = _TEST.search(said)
    if test is None:
        reader.bad(line, "step", repr(said[-40:]), "a condition in backquotes at the end of the line")
        return None
    try:
        return Step(number, kind, said[: test.start()].strip(), section, expected=parse_test(test["test"]))
    except BadConditionError as error:
        reader.bad(line, "step", error.found, error.expected)
        return None
