"""The drawing of a stored diagnosis: what is lit, what is said, what survives hostile text."""

from __future__ import annotations

import json
import re
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import pytest

from incidents.response import tree_svg

DIAGNOSIS: dict[str, Any] = json.loads((Path(__file__).parent / "diagnosis.json").read_text())
SPACE = "{http://www.w3.org/2000/svg}"


def drawn(diagnosis: dict[str, Any]) -> ET.Element:
    return ET.fromstring(tree_svg.draw(diagnosis).replace("<svg ", '<svg xmlns="http://www.w3.org/2000/svg" ', 1))


def boxes(svg: ET.Element) -> list[tuple[float, ...]]:
    """(x, y, width, height) of each box."""
    return [
        tuple(float(rect.get(name, "")) for name in ("x", "y", "width", "height")) for rect in svg.iter(f"{SPACE}rect")
    ]


def test_every_question_and_leaf_is_drawn_once() -> None:
    assert len(boxes(drawn(DIAGNOSIS))) == len(DIAGNOSIS["nodes"]) + len(DIAGNOSIS["leaves"])


def test_the_near_tree_has_the_path_its_neighbours_and_what_was_asked() -> None:
    near = ET.fromstring(tree_svg.draw(DIAGNOSIS, near=True).replace("<svg ", f'<svg xmlns="{SPACE[1:-1]}" ', 1))
    entries = [*DIAGNOSIS["nodes"], *DIAGNOSIS["leaves"]]
    path = {entry["id"] for entry in DIAGNOSIS["nodes"] if entry["on_path"]}
    beside = [entry for entry in entries if entry["on_path"] or entry["parent"] in path or entry.get("asked")]
    assert len(beside) <= len(boxes(near)) < len(entries)
    said = "".join(near.itertext())
    assert all(entry["question"] in said for entry in DIAGNOSIS["nodes"] if entry.get("asked"))


def test_the_taken_branch_is_lit_and_nothing_else() -> None:
    svg = tree_svg.draw(DIAGNOSIS)
    lit = sum(entry["on_path"] for entry in [*DIAGNOSIS["nodes"], *DIAGNOSIS["leaves"]])
    assert (svg.count('class="on"'), svg.count('class="edge lit"')) == (lit, lit - 1)


def test_no_two_boxes_overlap_and_all_lie_inside() -> None:
    svg = drawn(DIAGNOSIS)
    found = boxes(svg)
    left, top, width, height = (float(part) for part in svg.get("viewBox", "").split())
    for index, (x, y, w, h) in enumerate(found):
        assert left <= x
        assert x + w <= left + width
        assert top <= y
        assert y + h <= top + height
        for x2, y2, w2, h2 in found[index + 1 :]:
            assert x + w <= x2 or x2 + w2 <= x or y + h <= y2 or y2 + h2 <= y


def test_the_numbers_stand_on_the_lit_edges() -> None:
    numbers = re.findall(r'<text class="num halo"[^>]*>([^<]+)</text>', tree_svg.draw(DIAGNOSIS))
    assert numbers == ["yes", "20.1x", "no", "0.01 %", "queue", "92 %", "every", "1.08x", "up", "2.3x"]


def test_a_screen_reader_hears_the_path() -> None:
    label = drawn(DIAGNOSIS).get("aria-label", "")
    assert label.startswith("Decision path: SLO breach? yes then Errors without slowness? no")
    assert "Traffic spike 95 %" in label


def test_each_lit_box_leads_to_its_evidence() -> None:
    links = set(re.findall(r'href="#step-([^"]+)"', tree_svg.draw(DIAGNOSIS)))
    assert links == {step.id for step in tree_svg.steps(DIAGNOSIS)}


def test_the_steps_end_with_the_leaf() -> None:
    steps = tree_svg.steps(DIAGNOSIS)
    assert [f"{step.id}={step.answer}" for step in steps[:-1]] == DIAGNOSIS["path"]
    assert (steps[-1].id, steps[-1].leaf) == (DIAGNOSIS["leaf"], True)


def test_telling_and_other_numbers_together_are_all_of_them() -> None:
    for step in tree_svg.steps(DIAGNOSIS):
        assert len(step.telling) <= tree_svg.TELLING
        assert len(step.telling) + len(step.others) == len(step.evidence)


def test_what_was_asked_beside_the_path_is_kept() -> None:
    asked = {node["id"] for node in DIAGNOSIS["nodes"] if node["asked"] and not node["on_path"]}
    assert {step.id for step in tree_svg.untaken(DIAGNOSIS)} == asked


@pytest.mark.parametrize("diagnosis", [{}, {"nodes": []}, {"nodes": [], "leaves": []}])
def test_no_diagnosis_draws_nothing(diagnosis: dict[str, Any]) -> None:
    assert (tree_svg.draw(diagnosis), tree_svg.steps(diagnosis), tree_svg.untaken(diagnosis)) == ("", (), ())


def test_hostile_text_stays_text() -> None:
    hostile = '"><script>alert(1)</script>'
    node = {
        "id": hostile,
        "question": hostile,
        "asked": True,
        "answer": hostile,
        "on_path": True,
        "parent": None,
        "edge": None,
    }
    leaf = {"id": "x", "title": hostile, "parent": hostile, "edge": hostile, "on_path": True, "confidence": 0.5}
    svg = tree_svg.draw({"nodes": [node], "leaves": [leaf]})
    assert "<script" not in svg
    ET.fromstring(svg)


def test_no_data_is_said_and_never_zero() -> None:
    evidence = [
        {"signal": "s", "value": None, "unit": "x", "threshold": "> 2x", "met": None, "sentence": "cannot tell"}
    ]
    node = {
        "id": "q",
        "question": "Q?",
        "asked": True,
        "answer": "cannot tell",
        "on_path": True,
        "parent": None,
        "edge": None,
        "evidence": evidence,
    }
    svg = tree_svg.draw({"nodes": [node], "leaves": []})
    assert "cannot tell" in svg
    assert ">0" not in svg


def test_long_names_are_wrapped_then_cut_and_whole_in_the_title() -> None:
    name = "A question that is so long that no box of this width could ever hold it in two lines"
    node = {"id": "q", "question": name, "asked": False, "answer": None, "on_path": False, "parent": None, "edge": None}
    svg = tree_svg.draw({"nodes": [node], "leaves": []})
    assert f"<title>{name}" in svg
    assert "…</text>" in svg


def test_a_unit_that_the_question_says_is_left_out() -> None:
    evidence = [
        {
            "signal": "s",
            "value": 0.801,
            "unit": "cosine",
            "threshold": "< 0.92 cosine",
            "met": True,
            "sentence": "it fell",
        }
    ]
    node = {
        "id": "q",
        "question": "Quality drop?",
        "asked": True,
        "answer": "yes",
        "on_path": True,
        "parent": None,
        "edge": None,
        "evidence": evidence,
    }
    assert ">0.801, asked &lt; 0.92</text>" in tree_svg.draw({"nodes": [node], "leaves": []})
