"""The decision path as a picture: a stored diagnosis becomes an inline SVG tree, the taken branch lit.

Pure: colours and type come from the page's style sheet by class names, so the drawing follows the theme. The same diagnosis
gives `steps()`, the list that a phone shows instead and a screen reader reads.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from html import escape
from typing import Any

from observability.core import words

LETTER = 6.9  # mean width in px of a 13 px letter of the system fonts
GAP, SPACE, LINE = 54, 7, 16
NARROWEST, WIDEST = 92, 148
TELLING = 2
OBVIOUS = {"count", "cosine"}  # units that a box leaves out: the question says them


@dataclass(slots=True)
class Box:
    """One question or leaf, where it hangs and what it says; `x`, `y` are its upper left corner once placed."""

    id: str
    title: str
    sub: str
    lit: bool
    leaf: bool
    edge: str
    number: str
    children: list[Box] = field(default_factory=list)
    x: float = 0.0
    y: float = 0.0
    width: float = 0.0

    @property
    def lines(self) -> list[str]:
        """The title in lines that fit the box: two, or three of a lit one."""
        room = int((self.width - 20) / self.letter)
        wrapped = _wrapped(self.title, room)
        most = 3 if self.lit else 2
        kept, over = wrapped[: most - 1], wrapped[most - 1 :]
        return wrapped if len(wrapped) <= most else [*kept, _fit(" ".join(over), self.width, self.letter)]

    @property
    def letter(self) -> float:
        return LETTER * (1.13 if self.lit or self.sub else 1)

    @property
    def height(self) -> int:
        return 12 + LINE * (len(self.lines) + bool(self.sub))

    @property
    def middle(self) -> float:
        return self.y + self.height / 2


@lru_cache(maxsize=512)
def _wrapped(title: str, room: int) -> list[str]:
    return textwrap.wrap(title, room)


@dataclass(frozen=True, slots=True)
class Step:
    """One line of the path: a question that was asked, its answer, what it rests on. The last is the leaf."""

    id: str
    title: str
    answer: str
    evidence: tuple[Mapping[str, Any], ...]
    leaf: bool

    @property
    def telling(self) -> tuple[Mapping[str, Any], ...]:
        """The one or two numbers that decided the answer."""
        first = _telling({"answer": self.answer, "evidence": self.evidence})
        rest = [piece for piece in self.evidence if piece is not first and piece.get("met") is (self.answer != "no")]
        return ((first, *rest) if first is not None else tuple(rest))[:TELLING]

    @property
    def others(self) -> tuple[Mapping[str, Any], ...]:
        """The other numbers that were looked at."""
        return tuple(piece for piece in self.evidence if not any(piece is one for one in self.telling))


def steps(diagnosis: Mapping[str, Any]) -> tuple[Step, ...]:
    """The taken path from the first question to the leaf."""
    asked = [
        Step(node["id"], node["question"], str(node.get("answer") or ""), tuple(node.get("evidence") or ()), leaf=False)
        for node in diagnosis.get("nodes", ())
        if node.get("on_path")
    ]
    reached = [
        Step(
            leaf["id"],
            leaf["title"],
            words.percent(leaf["confidence"], 0) if leaf.get("confidence") is not None else "",
            (),
            leaf=True,
        )
        for leaf in diagnosis.get("leaves", ())
        if leaf.get("on_path")
    ]
    return tuple(asked + reached[-1:])


def untaken(diagnosis: Mapping[str, Any]) -> tuple[Step, ...]:
    """The questions beside the path that were asked all the same: what the other branches would have said."""
    return tuple(
        Step(node["id"], node["question"], str(node.get("answer") or ""), tuple(node.get("evidence") or ()), leaf=False)
        for node in diagnosis.get("nodes", ())
        if node.get("asked") and not node.get("on_path")
    )


def draw(diagnosis: Mapping[str, Any], *, near: bool = False) -> str:
    """The whole tree as one <svg>; each lit question links to its evidence on the page (#step-<id>). '' without nodes.

    `near` leaves out what hangs below branches that were neither taken nor asked, so that the letters stay readable in a column.
    """
    root = _grow(diagnosis)
    if root is None:
        return ""
    if near:
        _prune(root)
    columns = list(_columns(root))
    widths = [min(WIDEST, max(NARROWEST, *(_text_width(box) for box in column))) for column in columns]
    left = 0.0
    for column, width in zip(columns, widths, strict=True):
        for box in column:
            box.x, box.width = left, width
        left += width + GAP
    height = _place(root, 1.0)
    total = left - GAP
    path = " then ".join(f"{step.title} {step.answer}".strip() for step in steps(diagnosis))
    parts = [
        f'<svg viewBox="-2 -2 {total + 4:.0f} {height + 2:.0f}" width="{total + 4:.0f}" height="{height + 2:.0f}" role="img" '
        f'aria-label="Decision path: {escape(path)}">'
    ]
    boxes = list(_walk(root))
    parts += [_edge(box, child) for box in boxes for child in sorted(box.children, key=lambda c: c.lit)]
    parts += [_box(box) for box in boxes]
    return "".join(parts) + "</svg>"


def _grow(diagnosis: Mapping[str, Any]) -> Box | None:
    nodes: Sequence[Mapping[str, Any]] = diagnosis.get("nodes", ())
    answers = {node["id"]: node for node in nodes}
    boxes: dict[str, Box] = {}
    for entry in [*nodes, *diagnosis.get("leaves", ())]:
        leaf = "question" not in entry
        lit = bool(entry.get("on_path"))
        parent = answers.get(str(entry.get("parent")))
        edge = str(entry.get("edge") or (parent.get("answer") if parent and lit else "") or "")
        number = _number(parent) if parent and lit else ""
        box = Box(
            entry["id"], entry["title"] if leaf else entry["question"], _sub(entry, leaf=leaf), lit, leaf, edge, number
        )
        boxes[f"leaf:{box.id}" if leaf else box.id] = box
        if parent is not None:
            boxes[parent["id"]].children.append(box)
    return next((boxes[node["id"]] for node in nodes if node.get("parent") is None), None)


def _prune(box: Box) -> None:
    """Leave of a branch not taken only what was asked, and its first box."""
    for child in box.children:
        _prune(child)
    if not box.lit:
        box.children = [child for child in box.children if child.sub or child.children]


def _telling(node: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """The one number of a question that fits on an edge: what was met for a yes, what was not for a no; rates before counts."""
    pieces = [piece for piece in node.get("evidence") or () if piece.get("value") is not None]
    rates = [piece for piece in pieces if piece.get("unit") not in {"count", ""}]
    wanted = node.get("answer") != "no"
    deciding = [piece for piece in rates if piece.get("met") is wanted]
    shown = [piece for piece in rates if piece.get("met") is None and piece["value"]]
    counted = [piece for piece in pieces if piece.get("met") is wanted]
    return next(iter([*deciding, *shown, *counted, *rates, *pieces]), None)


def _said(piece: Mapping[str, Any]) -> str:
    unit = str(piece.get("unit") or "")
    return words.quantity(value=piece.get("value"), unit="" if unit in OBVIOUS else unit)


def _number(node: Mapping[str, Any]) -> str:
    piece = _telling(node)
    return _said(piece) if piece else ""


def _sub(entry: Mapping[str, Any], *, leaf: bool) -> str:
    if leaf:
        confidence = entry.get("confidence")
        return f"confidence {confidence:.2f}" if confidence is not None else ""
    if not entry.get("asked"):
        return ""
    piece = _telling(entry)
    if piece is None:
        return str(entry.get("answer") or "")
    limit = (
        str(piece.get("threshold") or "")
        .removesuffix(str(piece.get("unit") if piece.get("unit") in OBVIOUS else ""))
        .strip()
    )
    return f"{_said(piece)}, asked {limit}" if limit else _said(piece)


def _columns(root: Box) -> Iterator[list[Box]]:
    level = [root]
    while level:
        yield level
        level = [child for box in level for child in box.children]


def _walk(box: Box) -> Iterator[Box]:
    yield box
    for child in box.children:
        yield from _walk(child)


def _place(box: Box, top: float) -> float:
    """Give `box` and all below it their rows from `top` on; returns the first free row."""
    if not box.children:
        box.y = top
        return top + box.height + SPACE
    free = top
    for child in box.children:
        free = _place(child, free)
    # A lit parent sits level with its lit child, so that the taken branch runs straight; others sit in the middle.
    level = next((child for child in box.children if child.lit), None)
    centre = level.middle if level else (box.children[0].middle + box.children[-1].middle) / 2
    box.y = max(top, centre - box.height / 2)
    return max(free, box.y + box.height + SPACE)


def _text_width(box: Box) -> float:
    return max(len(box.title) * box.letter, len(box.sub) * LETTER * 0.87) + 24


def _fit(text: str, width: float, letter: float) -> str:
    room = int((width - 20) / letter)
    return text if len(text) <= room else text[: max(1, room - 1)].rstrip() + "…"


def _edge(box: Box, child: Box) -> str:
    x1, y1, x2, y2 = box.x + box.width, box.middle, child.x, child.middle
    bend = (x1 + x2) / 2
    curve = f"M{x1:.1f} {y1:.1f} C{bend:.1f} {y1:.1f} {bend:.1f} {y2:.1f} {x2:.1f} {y2:.1f}"
    line = f'<path class="edge{" lit" if child.lit else ""}" d="{curve}"/>'
    kind = "num" if child.lit else "num dim"
    texts = ((child.edge, -6.0), (child.number, 16.0)) if child.lit else ((child.edge, -3.0),)
    anchor = bend if child.lit else x2 - 5
    place = "middle" if child.lit else "end"
    level = (y1 + y2) / 2 if child.lit else y2
    return line + "".join(
        f'<text class="{kind} halo" x="{anchor:.1f}" y="{level + shift:.1f}" text-anchor="{place}">'
        f"{escape(_fit(text, GAP + 22, 6.3))}</text>"
        for text, shift in texts
        if text
    )


def _box(box: Box) -> str:
    rows = [
        *(("q1" if box.sub else "", line) for line in box.lines),
        *([("sub", _fit(box.sub, box.width, LETTER * 0.87))] if box.sub else []),
    ]
    texts = "".join(
        f'<text class="{kind}" x="{box.x + 10:.1f}" y="{box.y + 18 + LINE * row:.1f}">{escape(text)}</text>'
        for row, (kind, text) in enumerate(rows)
    )
    said = escape(f"{box.title}: {box.sub}" if box.sub else f"{box.title}: not taken")
    size = f'x="{box.x:.1f}" y="{box.y:.1f}" width="{box.width:.1f}" height="{box.height}"'
    shape = f'<rect class="box" {size} rx="{13 if box.leaf else 5}"/>'
    group = f'<g class="{"on" if box.lit else "off"}"><title>{said}</title>{shape}{texts}</g>'
    return f'<a href="#step-{escape(box.id)}">{group}</a>' if box.lit else group
