"""The course of a policy as a drawing: a lane a step, time to the right, a mark where it is told. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape

from incidents.policies.course import Told, ends_after
from observability.core import words

WIDTH, LEFT, RIGHT, LANE, TOP = 860, 210, 24, 30, 26
LONGEST_LABEL = 26
#: Seconds between two marks of the axis: the first with at most eight of them is taken.
GRID = (60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 28800, 86400, 172800, 604800, 2419200, 14515200)


def draw(*, told: Sequence[Told], labels: Mapping[int, str]) -> str:
    """`labels` has the words of each lane, by number of the step; 0 is the fallback."""
    if not told:
        return ""
    lanes = {number: place for place, number in enumerate(labels)}
    span = max(ends_after(tuple(told)), 60.0)
    height = TOP + LANE * len(lanes) + 4
    parts = [*_axis(span, height)]
    for number, place in lanes.items():
        y = TOP + LANE * place + LANE / 2
        name = f"{number}. {labels[number]}" if number else labels[number]
        parts.append(f'<text class="name" x="0" y="{y + 4:.0f}">{escape(_short(name))}</text>')
        parts.append(f'<line class="axis" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.0f}" y2="{y:.0f}"/>')
    for one in told:
        y = TOP + LANE * lanes[one.number] + LANE / 2
        parts.append(_mark(one, _x(one.after_seconds, span), _x(one.after_seconds + one.step.after_seconds, span), y))
    said = "; ".join(_said(one, labels) for one in told[:12])
    return (
        f'<svg class="course" viewBox="0 0 {WIDTH} {height:.0f}" role="img" aria-label="{escape(said)}">'
        + "".join(parts)
        + "</svg>"
    )


def _axis(span: float, height: float) -> list[str]:
    every = next((one for one in GRID if span / one <= 8), GRID[-1])
    parts = []
    for place in range(int(span // every) + 1):
        x = _x(place * every, span)
        text = words.duration(place * every) if place else "at once"
        parts.append(f'<line class="grid" x1="{x:.1f}" x2="{x:.1f}" y1="{TOP - 4}" y2="{height:.0f}"/>')
        parts.append(f'<text x="{x:.1f}" y="14" text-anchor="{"middle" if place else "start"}">{text}</text>')
    return parts


def _mark(one: Told, x: float, until: float, y: float) -> str:
    title = f"<title>{escape(one.reason)}, after {words.duration(one.after_seconds)}</title>"
    if one.skipped:
        return f'<g class="skipped">{title}<circle cx="{x:.1f}" cy="{y:.0f}" r="5"/></g>'
    wait = (
        f'<rect class="wait" x="{x:.1f}" y="{y - 4:.0f}" width="{max(0.0, until - x):.1f}" height="8"/>'
        if one.number
        else ""
    )
    return f'<g class="told">{title}{wait}<circle cx="{x:.1f}" cy="{y:.0f}" r="6"/></g>'


def _said(one: Told, labels: Mapping[int, str]) -> str:
    when = f"after {words.duration(one.after_seconds)}" if one.after_seconds else "at once"
    return f"{labels[one.number]} {'skipped ' if one.skipped else ''}{when}"


def _x(seconds: float, span: float) -> float:
    return LEFT + (WIDTH - LEFT - RIGHT) * min(1.0, seconds / span)


def _short(text: str) -> str:
    return text if len(text) <= LONGEST_LABEL else text[: LONGEST_LABEL - 1] + "…"
