"""Values to Plotly figures: one idea a chart, direct labels instead of a legend, units on the axes. Pure.

A point that has something behind it carries the address of that as `customdata`: a click leads there.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import log10
from typing import Any

from dashboards.theme import BURN, FAINT, HATCH, LAYOUT, PLAIN, QUIET

Figure = dict[str, Any]
Points = Sequence[tuple[datetime, float | None]]
BAR_HEIGHT, PANEL_HEIGHT = 44, 84
LONGEST_NAME = 34
#: Seconds that a scale of durations is ticked at.
DURATIONS = {
    1: "1 s", 2: "2 s", 5: "5 s", 10: "10 s", 30: "30 s", 60: "1 min", 120: "2 min", 300: "5 min", 600: "10 min", 1200: "20 min",
    3600: "1 h", 7200: "2 h", 14400: "4 h", 43200: "12 h", 86400: "1 day", 259200: "3 days", 604800: "7 days",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Bar:
    """`said` is the value in words, beside the bar; without a value it says what is missing."""

    name: str
    value: float | None
    said: str
    address: str = ""
    colour: str = PLAIN
    #: A limit of this bar alone, drawn as a tick.
    limit: float | None = None


def bars(rows: Sequence[Bar], *, unit: str, tickformat: str = "", most: float | None = None) -> Figure:
    """Horizontal bars, the first on top; value and name stand above each, where a phone has room for them."""
    shown = list(reversed(rows))
    found = {
        "type": "bar",
        "orientation": "h",
        "x": [row.value for row in shown],
        "y": list(range(len(shown))),
        "text": [f"{row.name}: {row.said}" for row in shown],
        "textposition": "none",
        "customdata": [row.address for row in shown],
        "width": 0.36,
        "marker": {"color": [row.colour for row in shown]},
        "hovertemplate": "%{text}<extra></extra>",
    }
    values = [row.value for row in rows if row.value is not None]
    top = most if most is not None else max([*values, *(row.limit or 0.0 for row in rows)], default=1.0) or 1.0
    layout = {
        **LAYOUT,
        "height": BAR_HEIGHT * max(len(rows), 1) + 84,
        "margin": {"l": 8, "r": 16, "t": 28, "b": 44},
        "shapes": [
            _line(x=row.limit, y0=place - 0.28, y1=place + 0.28, colour=QUIET, width=2)
            for place, row in enumerate(shown)
            if row.limit is not None
        ],
        "annotations": [
            _note(_titled(row.said, row.name), x=0, y=place + 0.2, yref="y", xanchor="left", yanchor="bottom")
            for place, row in enumerate(shown)
        ],
        "xaxis": {**axis(unit), "tickformat": tickformat, "range": [min([0.0, *values]), top * 1.02], "nticks": 5},
        "yaxis": {**axis(""), "visible": False, "range": [-0.4, len(rows) - 0.3]},
    }
    return {"data": [found], "layout": layout}


def columns(
    at: Sequence[datetime], values: Sequence[float | None], *, unit: str, said: str = "%{y:,.0f}",
    addresses: Sequence[str] = (), colours: Sequence[str] | str = PLAIN, tickprefix: str = "",
    within: tuple[datetime, datetime] | None = None, step: timedelta | None = None,
) -> Figure:  # fmt: skip
    """Columns over time, one a `step` that begins at `at`; a step without data has none."""
    width = None if step is None else step.total_seconds() * 1000
    edges = None if within is None else [within[0].isoformat(), within[1].isoformat()]
    found = {
        "type": "bar",
        "x": [one.isoformat() for one in at],
        "y": list(values),
        "width": None if width is None else width * 0.75,
        "offset": None if width is None else width * 0.125,
        "customdata": list(addresses) or None,
        "marker": {"color": colours if isinstance(colours, str) else list(colours)},
        "hovertemplate": f"%{{x|%a %-d %b %H:%M}}: {said}<extra></extra>",
    }
    layout = {
        **LAYOUT,
        "height": 220,
        "bargap": 0.25,
        "yaxis": {
            **axis(unit),
            "rangemode": "tozero",
            "tickprefix": tickprefix,
            **({"nticks": 5} if tickprefix else whole(values)),
        },
        "xaxis": {**axis(""), "gridcolor": "rgba(0,0,0,0)", "range": edges, "nticks": 6},
    }
    return {"data": [found], "layout": layout}


@dataclass(frozen=True, slots=True)
class Panel:
    """One line with a title of its own; `marks` are instants at which something began."""

    name: str
    said: str
    points: Points
    address: str = ""
    colour: str = PLAIN


def panels(
    rows: Sequence[Panel], *, tickformat: str, marks: Sequence[datetime] = (), floor: float | None = None,
    limit: float | None = None, unit: str = "",
) -> Figure:  # fmt: skip
    """Lines one below the other over one time axis: each is named above it, so that none needs a legend and none hides another.

    `floor` cuts what lies far below (an overspent budget would squash the rest); `limit` is the line not to cross.
    """
    traces, shapes, names = [], [], []
    share = 1 / max(len(rows), 1)
    layout: Figure = {
        **LAYOUT,
        "height": PANEL_HEIGHT * max(len(rows), 1) + 56,
        "margin": {"l": 52, "r": 8, "t": 36, "b": 28},
    }
    for number, row in enumerate(rows):
        suffix = "" if number == 0 else str(number + 1)
        top = 1 - number * share
        traces.append({
            "type": "scatter", "name": row.name, "xaxis": "x", "mode": _mode(row.points), "yaxis": f"y{suffix}",
            "x": [at.isoformat() for at, _ in row.points], "y": [value for _, value in row.points],
            "customdata": [row.address] * len(row.points), "connectgaps": False,
            "line": {"color": row.colour, "width": 2}, "marker": {"size": 5},
            "hovertemplate": f"%{{x|%a %-d %b %H:%M}}: %{{y:{tickformat}}}<extra></extra>",
        })  # fmt: skip
        names.append(_note(_titled(row.said, row.name), x=0, y=top, xanchor="left", yanchor="bottom"))
        scale: Figure = {
            **axis(unit if len(rows) == 1 else ""),
            "domain": [top - share * 0.72, top],
            "tickformat": tickformat,
            "nticks": 3,
        }
        known = [value for _, value in row.points if value is not None]
        if floor is not None:
            low = max(min([0.0, *known]), floor)
            scale["range"] = [low - 0.03, 1.03]
        else:
            scale["rangemode"] = "tozero"
        layout[f"yaxis{suffix}"] = scale
        if limit is not None:
            shapes.append({**_level(limit), "yref": f"y{suffix}"})
    layout["xaxis"] = {**axis(""), "anchor": f"y{len(rows)}" if len(rows) > 1 else "y"}
    bottom = share * 0.28
    layout["shapes"] = [*shapes, *({**_instant(at), "y0": bottom} for at in marks)]
    layout["annotations"] = names
    return {"data": traces, "layout": layout}


def dots(
    rows: Sequence[tuple[datetime, float, str, str]], *, unit: str, typical: Points = (), typical_name: str = "",
    limit: float | None = None, limit_name: str = "", within: tuple[datetime, datetime] | None = None,
) -> Figure:  # fmt: skip
    """Each point one thing (when, seconds, what it is, its address), on a scale of powers of ten; `typical` is the usual level."""
    points = {
        "type": "scatter", "mode": "markers",
        "x": [at.isoformat() for at, *_ in rows], "y": [value for _, value, *_ in rows],
        "text": [said for *_, said, _ in rows], "customdata": [address for *_, address in rows],
        "marker": {"color": PLAIN, "size": 9, "opacity": 0.75, "line": {"width": 0}},
        "hovertemplate": "%{text}<extra></extra>",
    }  # fmt: skip
    usual = {
        "type": "scatter", "mode": "lines", "x": [at.isoformat() for at, _ in typical], "y": [value for _, value in typical],
        "line": {"color": QUIET, "width": 2}, "connectgaps": True, "hoverinfo": "skip",
    }  # fmt: skip
    told = [(at, value) for at, value in typical if value is not None and value > 0]
    notes = (
        [
            _note(
                typical_name,
                x=told[-1][0].isoformat(),
                y=_log(told[-1][1]),
                xref="x",
                yref="y",
                xanchor="right",
                yanchor="bottom",
            )
        ]
        if told
        else []
    )
    shapes = []
    if limit is not None:
        shapes.append(_level(limit))
        notes.append(_note(limit_name, x=0, y=_log(limit), yref="y", xanchor="left", yanchor="bottom"))
    layout = {
        **LAYOUT,
        "height": 300,
        "xaxis": {**axis(""), "range": None if within is None else [at.isoformat() for at in within]},
        "yaxis": {**axis(unit), "type": "log", "tickvals": list(DURATIONS), "ticktext": list(DURATIONS.values())},
        "shapes": shapes,
        "annotations": notes,
    }
    return {"data": [points, *([usual] if told else [])], "layout": layout}


def heat(
    *, x: Sequence[Any], y: Sequence[str], z: Sequence[Sequence[float | None]], said: Sequence[Sequence[str]],
    scale: Sequence[Sequence[Any]], low: float, high: float, x_unit: str = "", y_unit: str = "", addresses: Sequence[Sequence[str]] = (),
    shown: Sequence[Sequence[str]] = (), hatched: Sequence[tuple[int, int]] = (), row_height: int = 22,
) -> Figure:  # fmt: skip
    """Cells; one without data is empty. `said` is told on hover, `shown` stands in the cell, `hatched` are (column, row)."""
    found = {
        "type": "heatmap", "x": list(x), "y": list(y), "z": [list(row) for row in z], "text": [list(row) for row in said],
        "customdata": [list(row) for row in addresses] or None, "colorscale": [list(stop) for stop in scale], "zmin": low, "zmax": high,
        "showscale": False, "hoverongaps": False, "hovertemplate": "%{text}<extra></extra>", "xgap": 1, "ygap": 1,
    }  # fmt: skip
    notes = [
        _note(text, x=x[column], y=y[line], xref="x", yref="y", xanchor="center", yanchor="middle")
        for line, row in enumerate(shown)
        for column, text in enumerate(row)
        if text
    ]
    layout = {
        **LAYOUT,
        "height": row_height * max(len(y), 1) + 90,
        "margin": {"l": 8, "r": 8, "t": 28, "b": 44},
        "annotations": notes,
        "shapes": [stroke for column, line in hatched for stroke in _hatching(column, line)],
        "xaxis": {**axis(x_unit), "gridcolor": "rgba(0,0,0,0)", "ticks": ""},
        "yaxis": {**axis(y_unit), "gridcolor": "rgba(0,0,0,0)", "type": "category", "ticks": ""},
    }
    return {"data": [found], "layout": layout}


def whole(values: Sequence[float | None]) -> dict[str, Any]:
    """How a count is ticked: by whole numbers, one by one where there are few."""
    most = max((value for value in values if value is not None), default=0)
    return {"dtick": 1} if most < 6 else {"nticks": 5}


def axis(unit: str) -> dict[str, Any]:
    """An axis with its unit."""
    return {"gridcolor": FAINT, "zeroline": False, "automargin": True, "title": {"text": unit, "standoff": 8}}


def shortened(name: str) -> str:
    return name if len(name) <= LONGEST_NAME else f"{name[: LONGEST_NAME - 1]}…"


def _titled(said: str, name: str) -> str:
    """The value, then whose it is; what a phone cuts off is the end of a long name."""
    return f"<b>{said}</b>  {shortened(name)}"


def _mode(points: Points) -> str:
    """Few points get a mark each: a line alone does not show what has no neighbour."""
    return "lines+markers" if sum(value is not None for _, value in points) < 12 else "lines"


def _note(text: str, **where: Any) -> dict[str, Any]:
    place = {"xref": "paper", "yref": "paper", **where}
    return {"text": text, "showarrow": False, "font": {"size": 12}, "align": "left", **place}


def _log(value: float) -> float:
    """Where a note stands on a scale of powers of ten."""
    return log10(value)


def _line(*, x: float | None, y0: float, y1: float, colour: str, width: int) -> dict[str, Any]:
    return {"type": "line", "x0": x, "x1": x, "y0": y0, "y1": y1, "line": {"color": colour, "width": width}}


def _hatching(column: int, row: int) -> list[dict[str, Any]]:
    """Slanted strokes over a cell of a heat map whose axes are categories."""
    return [
        {"type": "line", "xref": "x", "yref": "y", "x0": column - 0.48 + begin, "y0": row - 0.46, "x1": column - 0.48 + begin + 0.2,
         "y1": row + 0.46, "line": {"color": HATCH, "width": 1}}
        for begin in (0.0, 0.19, 0.38, 0.57, 0.76)
    ]  # fmt: skip


def _level(value: float) -> dict[str, Any]:
    """A line across, at a value that is not to be passed."""
    return {
        "type": "line",
        "xref": "paper",
        "x0": 0,
        "x1": 1,
        "y0": value,
        "y1": value,
        "line": {"color": BURN, "width": 1},
    }


def _instant(at: datetime) -> dict[str, Any]:
    line = {"color": BURN, "width": 1, "dash": "dot"}
    when = at.isoformat()
    return {"type": "line", "xref": "x", "yref": "paper", "x0": when, "x1": when, "y0": 0, "y1": 1, "line": line}


def hours(counts: Sequence[int], *, colours: Sequence[str]) -> Figure:
    """24 columns, one an hour of day."""
    found = {
        "type": "bar",
        "x": list(range(24)),
        "y": list(counts),
        "marker": {"color": list(colours)},
        "hovertemplate": "%{x}:00: %{y} pages<extra></extra>",
    }
    layout = {
        **LAYOUT,
        "height": 240,
        "bargap": 0.2,
        "yaxis": {**axis("pages"), "rangemode": "tozero", **whole(counts)},
        "xaxis": {**axis("hour of day"), "dtick": 3, "range": [-0.6, 23.6], "gridcolor": "rgba(0,0,0,0)"},
    }
    return {"data": [found], "layout": layout}


@dataclass(frozen=True, slots=True)
class Band:
    """What is expected at an instant, and between what."""

    at: datetime
    low: float
    middle: float
    high: float


def forecast(
    known: Sequence[tuple[datetime, float]], ahead: Sequence[Band], *, unit: str, limits: Sequence[tuple[float, str]] = (),
    address: str = "",
) -> Figure:  # fmt: skip
    """What was, what is expected in its band, and the lines that are not to be crossed, each named on it."""
    edge = [Band(at, value, value, value) for at, value in known[-1:]] if ahead else []
    bands = [*edge, *ahead]
    when = [one.at.isoformat() for one in bands]
    line = {"type": "scatter", "mode": "lines", "customdata": [address] * max(len(known), len(bands))}
    traces = [
        {
            **line, "x": [at.isoformat() for at, _ in known], "y": [value for _, value in known], "line": {"color": PLAIN, "width": 2},
            "hovertemplate": "%{x|%-d %b}: %{y:,.3~g}<extra></extra>",
        },
        {**line, "x": when, "y": [one.high for one in bands], "line": {"width": 0}, "hoverinfo": "skip"},
        {
            **line, "x": when, "y": [one.low for one in bands], "line": {"width": 0}, "fill": "tonexty", "fillcolor": FAINT,
            "hoverinfo": "skip",
        },
        {
            **line, "x": when, "y": [one.middle for one in bands], "line": {"color": PLAIN, "width": 2, "dash": "dot"},
            "hovertemplate": "%{x|%-d %b}: %{y:,.3~g} expected<extra></extra>",
        },
    ]  # fmt: skip
    layout = {
        **LAYOUT,
        "shapes": [_level(value) for value, _ in limits],
        "annotations": [
            _note(name, x=0, y=value, yref="y", xanchor="left", yanchor="bottom") for value, name in limits
        ],
        "yaxis": {**axis(unit), "rangemode": "tozero", "nticks": 5},
        "xaxis": {**axis(""), "nticks": 6},
    }
    return {"data": traces if ahead else traces[:1], "layout": layout}
