"""Inline SVG for pages. Pure: points in, text out.

    line(...)       one signal against its threshold
    stacked(...)    areas on each other: queue, prefill, decode
    aligned(...)    several of both on one clock, with the incident shaded and deploys marked
    burn_down(...)  the error budget that is left
    sparkline(...)  a word-sized line

Values None are gaps and are drawn as gaps. Colours are the tokens' CSS variables; text has the class `chart`; every picture says
what it shows in its label. `width` is the viewBox's: a phone asks for 400 and gets the same letters on a shorter axis.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, tzinfo
from html import escape
from typing import Protocol

from sloengine.strokes import ink, number, path, round_up, runs, svg

WIDE, NARROW = 820, 400
LEFT, RIGHT, TOP, AXIS = 108, 52, 8, 22
NARROW_LEFT, NARROW_RIGHT = 8, 44
MARK_LETTER = 6.0  # mean width in px of a letter of a mark


class Sample(Protocol):
    @property
    def at(self) -> datetime: ...
    @property
    def value(self) -> float | None: ...


@dataclass(frozen=True, slots=True)
class Value:
    """A point made by hand; rollups' points fit as they are."""

    at: datetime
    value: float | None


@dataclass(frozen=True, slots=True)
class Series:
    name: str
    points: Sequence[Sample]
    colour: str = "accent"


@dataclass(frozen=True, slots=True)
class Panel:
    """One strip: `scale` turns values into the unit shown (1000 for seconds in ms); a threshold is in the values' own unit."""

    title: str
    unit: str
    series: Sequence[Series]
    threshold: float | None = None
    stack: bool = False
    scale: float = 1.0
    height: int = 78
    top: float | None = None  # fixes the upper end of the axis
    bottom: float = 0.0


@dataclass(frozen=True, slots=True)
class Mark:
    at: datetime
    label: str


@dataclass(frozen=True, slots=True)
class Marks:
    """What happened meanwhile: the incident (its end None while it lasts) and deploys or other changes."""

    incident: tuple[datetime, datetime | None] | None = None
    changes: Sequence[Mark] = field(default_factory=tuple)


@dataclass(frozen=True, slots=True)
class _Frame:
    """Where things lie in a strip: pixels of instants and values."""

    start: datetime
    end: datetime
    left: float
    right: float
    top: float
    bottom: float
    low: float
    high: float

    def x(self, at: datetime) -> float:
        share = (at - self.start).total_seconds() / max((self.end - self.start).total_seconds(), 1e-9)
        return self.left + min(max(share, 0.0), 1.0) * (self.right - self.left)

    def y(self, value: float) -> float:
        share = (value - self.low) / (self.high - self.low or 1.0)
        return self.bottom - min(max(share, 0.0), 1.0) * (self.bottom - self.top)


def line(
    panel: Panel, *, start: datetime, end: datetime, marks: Marks | None = None, width: int = WIDE, zone: tzinfo = UTC
) -> str:
    """One strip with its time axis."""
    return aligned([panel], start=start, end=end, marks=marks, width=width, zone=zone)


def stacked(
    series: Sequence[Series], *, title: str, unit: str, start: datetime, end: datetime, scale: float = 1.0, width: int = WIDE,
    marks: Marks | None = None, zone: tzinfo = UTC,
) -> str:  # fmt: skip
    """Areas on each other, the first at the bottom, with a legend in the label column."""
    panel = Panel(title=title, unit=unit, series=series, stack=True, scale=scale, height=96)
    return aligned([panel], start=start, end=end, marks=marks, width=width, zone=zone)


def aligned(
    panels: Sequence[Panel],
    *,
    start: datetime,
    end: datetime,
    marks: Marks | None = None,
    width: int = WIDE,
    zone: tzinfo = UTC,
    caption: str = "",
) -> str:
    """Strips under each other on one time axis. With a `caption` the day and the zone are said under the axis, and it."""
    marks = marks or Marks()
    narrow = width < 600
    left, right = (NARROW_LEFT, width - NARROW_RIGHT) if narrow else (LEFT, width - RIGHT)
    body: list[str] = []
    y = 0.0
    for panel in panels:
        head = 18 if narrow else 0
        low, high = _range(panel)
        frame = _Frame(start, end, left, right, y + TOP + head, y + head + panel.height - 6, low, high)
        body += [
            *_backdrop(frame, marks),
            *(_names(frame, marks) if not y else []),
            *_strip(panel, frame, narrow=narrow, y=y),
            *_scale(panel, frame),
        ]
        y += panel.height + head + 6
    frame = _Frame(start, end, left, right, y, y, 0, 1)
    body += _clock(frame, y, zone=zone, marks=marks)
    said = " ".join(sentence(panel, start=start, end=end) for panel in panels)
    if caption:
        body.append(
            f'<text class="caption" x="{frame.left:g}" y="{y + AXIS + 10:g}">{escape(_day(frame, zone))}, {escape(caption)}</text>'
        )
        said += f" {caption[:1].upper()}{caption[1:]}."
    return svg(body, width=width, height=y + AXIS + (16 if caption else 0), said=said + _said_marks(marks))


def burn_down(
    points: Sequence[Sample],
    *,
    start: datetime,
    end: datetime,
    marks: Marks | None = None,
    width: int = WIDE,
    zone: tzinfo = UTC,
) -> str:
    """The budget left, 1 at the top; below 0 it is overspent. The zero line is the threshold."""
    known = [point.value for point in points if point.value is not None]
    low = min([0.0, *known])
    last = known[-1] if known else None
    colour = "nodata" if last is None else "burn" if last <= 0 else "warn" if last <= 0.5 else "ok"
    panel = Panel(
        title="Budget left", unit="%", series=[Series("budget left", points, colour)], threshold=0.0 if low < 0 else None,
        scale=100, height=130, top=1.0, bottom=low,
    )  # fmt: skip
    return aligned([panel], start=start, end=end, marks=marks, width=width, zone=zone)


def sparkline(
    values: Sequence[float | None], *, label: str, width: int = 120, height: int = 26, low: float | None = None,
    high: float | None = None, colour: str = "accent",
) -> str:  # fmt: skip
    """A word-sized line of equally spaced values, with a dot on the last that is known."""
    known = [value for value in values if value is not None]
    if not known:
        words = f'<text x="0" y="{height / 2 + 4:g}">no data</text>'
        return svg([words], width=width, height=height, said=f"{label}: no data.", fixed=True)
    bottom = min(known) if low is None else low
    top = max(known) if high is None else high
    if top - bottom < 1e-12:
        bottom, top = bottom - 0.5, top + 0.5
    step = (width - 6) / max(len(values) - 1, 1)

    def place(index: int, value: float) -> tuple[float, float]:
        return 3 + index * step, 3 + (height - 6) * (1 - min(max((value - bottom) / (top - bottom), 0.0), 1.0))

    spots = [None if value is None else place(index, value) for index, value in enumerate(values)]
    stroke = ink(colour)
    body = [path(run, stroke) for run in runs(spots)]
    last = next(spot for spot in reversed(spots) if spot is not None)
    body.append(f'<circle cx="{last[0]:.1f}" cy="{last[1]:.1f}" r="2.2" fill="{stroke}"/>')
    said = f"{label}: last {number(known[-1])}, from {number(min(known))} to {number(max(known))}."
    return svg(body, width=width, height=height, said=said, fixed=True)


def sentence(panel: Panel, *, start: datetime, end: datetime) -> str:
    """What a panel shows, in words: "p95 first token: last 391 ms, highest 402 ms, goal 250 ms." """
    minutes = (end - start).total_seconds() / 60
    over = (
        f"{minutes:.0f} min"
        if minutes < 120
        else f"{minutes / 60:.0f} h"
        if minutes < 2880
        else f"{minutes / 1440:.0f} d"
    )
    parts = []
    for series in panel.series:
        known = [point.value * panel.scale for point in series.points if point.value is not None]
        name = f"{series.name} " if len(panel.series) > 1 else ""
        said = (
            f"last {number(known[-1])} {panel.unit}, highest {number(max(known))} {panel.unit}" if known else "no data"
        )
        parts.append(name + said)
    goal = f", goal {number(panel.threshold * panel.scale)} {panel.unit}" if panel.threshold is not None else ""
    return f"{panel.title} over {over}: {'; '.join(parts)}{goal}."


def _said_marks(marks: Marks) -> str:
    changes = (
        f" {len(marks.changes)} changes marked: {', '.join(mark.label for mark in marks.changes)}."
        if marks.changes
        else ""
    )
    return (" The incident is shaded." if marks.incident else "") + changes


def _range(panel: Panel) -> tuple[float, float]:
    """From the panel's bottom to a round number above all values and the threshold, in the values' own unit."""
    if panel.top is not None:
        return panel.bottom, panel.top
    sums: dict[datetime, float] = {}
    highest = panel.threshold * 1.25 if panel.threshold is not None else 0.0
    for series in panel.series:
        for point in series.points:
            if point.value is not None:
                before = sums.get(point.at, 0.0)
                sums[point.at] = before + point.value if panel.stack else max(before, point.value)
    return panel.bottom, round_up(max([highest, *sums.values()]) * panel.scale * 1.03) / panel.scale


def _backdrop(frame: _Frame, marks: Marks) -> list[str]:
    body = [
        f'<line class="axis" x1="{frame.left:g}" x2="{frame.right:g}" y1="{frame.bottom:g}" y2="{frame.bottom:g}"/>'
    ]
    if marks.incident is not None:
        began, ended = frame.x(marks.incident[0]), frame.x(marks.incident[1] or frame.end)
        body.append(
            f'<rect class="incident" x="{began:.1f}" y="{frame.top:g}" width="{max(ended - began, 1):.1f}"'
            f' height="{frame.bottom - frame.top:g}" fill="var(--burn)" opacity=".08"/>'
        )
    for mark in marks.changes:
        if frame.start <= mark.at <= frame.end:
            x = frame.x(mark.at)
            body.append(
                f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{frame.top:g}" y2="{frame.bottom:g}" stroke="var(--maint)" stroke-dasharray="2 2">'
                f"<title>{escape(mark.label)}</title></line>"
            )
    return body


def _names(frame: _Frame, marks: Marks) -> list[str]:
    """What the changes were called, beside their lines in the first strip, on the side that has room; one that would lie on
    another keeps its line alone."""
    body = []
    taken: list[tuple[float, float]] = []
    for mark in marks.changes:
        if frame.start <= mark.at <= frame.end:
            x, width = frame.x(mark.at), len(mark.label) * MARK_LETTER
            side, left, right = (
                ("end", x - width - 4, x - 4) if x > (frame.left + frame.right) / 2 else ("start", x + 4, x + width + 4)
            )
            if any(left < end and start < right for start, end in taken):
                continue
            taken.append((left, right))
            anchor = right if side == "end" else left
            body.append(
                f'<text x="{anchor:.1f}" y="{frame.top + 8:g}" text-anchor="{side}" class="mark">{escape(mark.label)}</text>'
            )
    return body


def _strip(panel: Panel, frame: _Frame, *, narrow: bool, y: float) -> list[str]:
    body = _areas(panel, frame) if panel.stack else _lines(panel, frame)
    if panel.threshold is not None:
        goal = frame.y(panel.threshold)
        body.append(f'<line class="goal" x1="{frame.left:g}" x2="{frame.right:g}" y1="{goal:.1f}" y2="{goal:.1f}"/>')
    if narrow:
        legend = "".join(_tspan(series) for series in panel.series) if len(panel.series) > 1 else ""
        unit = f'<tspan class="unit">{escape(panel.unit)}</tspan>'
        body.append(f'<text class="name" x="{frame.left:g}" y="{y + 14:g}">{escape(panel.title)} {unit}{legend}</text>')
        return body
    body.append(f'<text class="name" x="0" y="{y + 18:g}">{escape(panel.title)}</text>')
    body.append(f'<text x="0" y="{y + 33:g}">{escape(panel.unit)}</text>')
    if len(panel.series) > 1:
        for row, series in enumerate(reversed(panel.series) if panel.stack else panel.series):
            top = y + 47 + 13 * row
            body.append(f'<rect x="0" y="{top - 8:g}" width="8" height="8" fill="{ink(series.colour)}"/>')
            body.append(f'<text x="13" y="{top:g}">{escape(series.name)}</text>')
    return body


def _tspan(series: Series) -> str:
    return f'<tspan dx="8" fill="{ink(series.colour)}">■</tspan><tspan dx="3" font-weight="400">{escape(series.name)}</tspan>'


def _lines(panel: Panel, frame: _Frame) -> list[str]:
    body = []
    for series in panel.series:
        spots = [None if point.value is None else (frame.x(point.at), frame.y(point.value)) for point in series.points]
        body += [path(run, ink(series.colour)) for run in runs(spots)]
    if not any(point.value is not None for series in panel.series for point in series.points):
        middle = (frame.left + frame.right) / 2
        body.append(
            f'<text x="{middle:g}" y="{(frame.top + frame.bottom) / 2 + 4:g}" text-anchor="middle">no data</text>'
        )
    return body


def _areas(panel: Panel, frame: _Frame) -> list[str]:
    """Each series on the sum of those below it; where one of them is unknown the whole stack has a gap."""
    known = [{point.at: point.value for point in series.points} for series in panel.series]
    instants = sorted({at for points in known for at in points})
    floor = dict.fromkeys(instants, 0.0)
    body = []
    for series, points in zip(panel.series, known, strict=True):
        spots: list[tuple[float, float, float] | None] = []
        for at in instants:
            value = points.get(at)
            if value is None or any(other.get(at) is None for other in known):
                spots.append(None)
                continue
            spots.append((frame.x(at), frame.y(floor[at]), frame.y(floor[at] + value)))
            floor[at] += value
        for run in runs(spots):
            if len(run) == 1:  # one value is a column, as a line of one is a dot
                x, base, top = run[0]
                run = [(x - 1.5, base, top), (x + 1.5, base, top)]
            edge = [f"{x:.1f},{top:.1f}" for x, _, top in run] + [f"{x:.1f},{base:.1f}" for x, base, _ in reversed(run)]
            title = f"<title>{escape(series.name)}</title>"
            body.append(
                f'<polygon points="{" ".join(edge)}" fill="{ink(series.colour)}" opacity=".85">{title}</polygon>'
            )
    return body or _lines(panel, frame)


def _scale(panel: Panel, frame: _Frame) -> list[str]:
    """The upper end and the goal at the right edge; the goal wins where they would touch. Nothing measured has no scale."""
    if not any(point.value is not None for series in panel.series for point in series.points):
        return []
    marks = {frame.high: 0, frame.low: 0}
    if panel.threshold is not None:
        marks = {value: 0 for value in marks if abs(frame.y(value) - frame.y(panel.threshold)) > 11} | {
            panel.threshold: 1
        }
    return [
        f'<text class="{"goal-value" if goal else "end"}" x="{frame.right + 6:g}" y="{frame.y(value) + 4:.1f}">'
        f"{number(value * panel.scale)}</text>"
        for value, goal in marks.items()
    ]


def _day(frame: _Frame, zone: tzinfo) -> str:
    """'22 Nov, UTC', or '21 to 22 Nov, UTC' of an axis that runs over midnight."""
    first, last = frame.start.astimezone(zone), frame.end.astimezone(zone)
    until = f"{last.day} {last:%b}, {last.tzname()}"
    if first.date() == last.date():
        return until
    return f"{first.day} to {until}" if first.month == last.month else f"{first.day} {first:%b} to {until}"


def _clock(frame: _Frame, y: float, *, zone: tzinfo, marks: Marks) -> list[str]:
    """Times under the strips, at round steps that leave room for their letters."""
    span = (frame.end - frame.start).total_seconds()
    room = max(int((frame.right - frame.left) // 90), 2)
    steps = (60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200, 86400, 172800, 432000, 864000, 2592000)
    step = next((one for one in steps if span / one <= room), steps[-1])
    offset = (frame.start.astimezone(zone).utcoffset() or frame.start - frame.start).total_seconds()
    first = math.ceil((frame.start.timestamp() + offset) / step) * step - offset
    body = []
    at = first
    while at <= frame.end.timestamp():
        instant = datetime.fromtimestamp(at, zone)
        x = frame.x(instant)
        words = instant.strftime("%d %b") if step >= 86400 else instant.strftime("%H:%M")
        anchor = "start" if x < frame.left + 14 else "end" if x > frame.right - 14 else "middle"
        body.append(f'<text x="{x:.1f}" y="{y + 14:g}" text-anchor="{anchor}">{words}</text>')
        at += step
    return body
