from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from incidents.diagnosis import treefile
from incidents.diagnosis.evidence import Answer
from incidents.runbooks import diagnostics
from incidents.runbooks.format import SECTIONS, Kind, RunbookInvalidError, parse
from incidents.runbooks.rendering import render
from tests.conftest import NOW

LIBRARY = Path(treefile.__file__).parent.parent / "runbooks" / "library"
GOOD = """\
---
title: A spike
slug: a-spike
matches: [traffic-spike]
severity: 2
owner: serving
---

## Symptom

Slow.

## Why it happens

Many requests.

## Confirm and refute

1. [diagnostic] Did requests rise,
   as seen at the gateway? `traffic_factor > 1.5 x`

## Mitigate now

2. [action tighten_admission] Tighten.
3. [manual] Wait.

## Root cause

Who?

## Harden

Quotas.
"""


def test_a_good_runbook() -> None:
    book = parse(source=GOOD, file="a.md")
    assert (book.slug, book.matches, book.severity) == ("a-spike", ("traffic-spike",), 2)
    assert tuple(section.title for section in book.sections) == SECTIONS
    assert [(step.number, step.kind, step.text, step.action) for step in book.steps] == [
        (1, Kind.DIAGNOSTIC, "Did requests rise, as seen at the gateway?", None),
        (2, Kind.ACTION, "Tighten.", "tighten_admission"),
        (3, Kind.MANUAL, "Wait.", None),
    ]
    assert book.steps[0].expected is not None
    assert book.steps[0].expected.threshold == "> 1.5x"


@pytest.mark.parametrize(
    ("old", "new", "line", "path", "found", "expected"),
    [
        ("title: A spike", "title: 3", 2, "front matter.title", "3", "a text"),
        (
            "slug: a-spike",
            "slug: A Spike",
            3,
            "front matter.slug",
            "'A Spike'",
            "lower case letters, digits and -, and not the word new",
        ),
        (
            "slug: a-spike",
            "slug: new",
            3,
            "front matter.slug",
            "'new'",
            "lower case letters, digits and -, and not the word new",
        ),
        ("matches: [traffic-spike]", "matches: all", 4, "front matter.matches", "'all'", "a list of leaves"),
        ("severity: 2", "severity: true", 5, "front matter.severity", "True", "a number from 1 to 5"),
        ("owner: serving", "owners: serving", 2, "front matter.owner", "None", "a text"),
        ("owner: serving", "owner: serving\nowners: x", 7, "front matter.owners", "key 'owners'", None),
        ("owner: serving", "owner: serving\nobjectives: [speed]", 7, "front matter.objectives", "['speed']", None),
        ("owner: serving", "owner: serving\nlast_drilled: lately", 7, "front matter.last_drilled", "'lately'", None),
        ("## Harden", "## Hardening", 31, "sections", None, ", ".join(SECTIONS)),
        ("Slow.", "", 9, "Symptom", "nothing", "a text"),
        ("`traffic_factor > 1.5 x`", "", 19, "step", None, "a condition in backquotes at the end of the line"),
        ("traffic_factor > 1.5 x", "traffic > 1.5 x", 19, "step", "signal 'traffic'", None),
        ("tighten_admission", "pray", 24, "step", "action 'pray'", None),
        ("[manual]", "[wait]", 25, "step", "'3. [wait] Wait.'", None),
        ("3. [manual]", "4. [manual]", 25, "steps", "1, 2, 4", "steps numbered 1, 2, 3 ..."),
    ],
)
def test_a_bad_runbook_is_refused_with_where_and_why(
    old: str, new: str, line: int, path: str, found: str | None, expected: str | None
) -> None:
    with pytest.raises(RunbookInvalidError) as invalid:
        parse(source=GOOD.replace(old, new, 1), file="a.md")
    problem = next(one for one in invalid.value.problems if one.path == path)
    assert (problem.file, problem.line) == ("a.md", line)
    assert found is None or problem.found == found
    assert expected is None or problem.expected == expected


@pytest.mark.parametrize("source", ["", "# no front matter", "---\ntitle: x", "---\n[\n---\n", "---\n7\n---\n"])
def test_what_is_no_runbook_is_refused(source: str) -> None:
    with pytest.raises(RunbookInvalidError):
        parse(source=source, file="a.md")


@pytest.mark.parametrize("file", sorted(LIBRARY.glob("*.md")), ids=lambda file: file.stem)
def test_the_library_is_valid_and_named_by_its_slug(file: Path) -> None:
    book = parse(source=file.read_text(encoding="utf-8"), file=file.name)
    assert book.slug == file.stem
    kinds = {step.kind for step in book.steps}
    assert kinds == set(Kind)
    assert "<script" not in render(book.markdown)


def test_a_runbook_is_for_leaves_or_for_kinds_of_objective() -> None:
    book = parse(source=GOOD.replace("matches: [traffic-spike]", "objectives: [ttft, queue]"), file="a.md")
    assert (book.matches, book.objectives, book.last_drilled) == ((), ("ttft", "queue"), None)
    drilled = parse(source=GOOD.replace("severity: 2", "severity: 2\nlast_drilled: 2026-10-14"), file="a.md")
    assert drilled.last_drilled == date(2026, 10, 14)
    with pytest.raises(RunbookInvalidError, match=r"front matter.matches: found None"):
        parse(source=GOOD.replace("matches: [traffic-spike]\n", ""), file="a.md")


def test_diagnostics_confirm_refute_or_cannot_tell() -> None:
    step = parse(source=GOOD, file="a.md").steps[0]
    assert step.expected is not None
    answers = [Answer(value=value, reason="no data") for value in (2.3, 1.0, None)]
    found = [diagnostics.judged(step=step, test=step.expected, answer=answer, now=NOW) for answer in answers]
    assert [one["verdict"] for one in found] == ["confirms", "refutes", "cannot tell"]
    assert found[0]["sentence"] == "Requests arrive 2.3 times as often as before"
    broken = diagnostics.failed(step=step, test=step.expected, reason="it took longer than 5 s", now=NOW)
    assert (broken["verdict"], broken["sentence"]) == ("could not run", "Could not run: it took longer than 5 s")
    assert diagnostics.summary([*found, found[0], broken]) == "2 confirm, 1 refutes, 1 cannot tell and 1 could not run"


@pytest.mark.parametrize(
    "markdown",
    [
        "<script>alert(1)</script>",
        '<img src=x onerror="alert(1)">',
        "[x](javascript:alert(1))",
        '[x](data:text/html;base64,PHNjcmlwdD4=)',
        '<a href="x" onclick="alert(1)">x</a>',
        "<style>body{display:none}</style>",
        "<iframe src=//example.com></iframe>",
    ],
)  # fmt: skip
def test_rendering_lets_nothing_run(markdown: str) -> None:
    html = render(markdown)
    for bad in ("<script", "<img", "<style", "<iframe", 'href="javascript', 'href="data', '<a href="x" onclick'):
        assert bad not in html


def test_rendering_keeps_what_runbooks_use() -> None:
    html = render("1. **one** `two`\n\n| a | b |\n|---|---|\n| 1 | 2 |\n\n[doc](https://example.com)")
    assert "<strong>one</strong> <code>two</code>" in html
    assert "<td>1</td>" in html
    assert 'href="https://example.com"' in html
