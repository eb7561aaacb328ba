"""Values to Plotly figures. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from dashboards.report import ObjectiveRow
from dashboards.theme import BURN, LAYOUT, LINES
from incidents.screens.queries.costs import Cost

Figure = dict[str, Any]
MOST_LINES = 8


def burn_down(*, objectives: Sequence[ObjectiveRow], incidents: Sequence[Cost]) -> Figure:
    """Budget left over time, a line an objective; incidents are marked where they began, zero is the line not to cross."""
    traces = [
        {
            "type": "scatter",
            "mode": "lines",
            "name": f"{row.service}: {row.title}",
            "x": [at.isoformat() for at, _ in row.burn_down],
            "y": [left for _, left in row.burn_down],
            "line": {
                "color": LINES[index % len(LINES)],
                "width": 2,
                "dash": ("solid", "dot", "dash")[index // len(LINES) % 3],
            },
            "connectgaps": False,
            "hovertemplate": "%{y:.1%}",
        }
        for index, row in enumerate(drawn(objectives))
    ]
    marks = [
        {
            "type": "line",
            "xref": "x",
            "yref": "paper",
            "x0": row.started_at.isoformat(),
            "x1": row.started_at.isoformat(),
            "y0": 0,
            "y1": 1,
            "line": {"color": BURN, "width": 1, "dash": "dot"},
        }
        for row in incidents
    ]
    zero = {
        "type": "line",
        "xref": "paper",
        "yref": "y",
        "x0": 0,
        "x1": 1,
        "y0": 0,
        "y1": 0,
        "line": {"color": BURN, "width": 1},
    }
    lows = [left for row in drawn(objectives) for _, left in row.burn_down if left is not None]
    low = max(min([0.0, *lows]), -1.0)
    yaxis = {**LAYOUT["yaxis"], "tickformat": ".0%", "range": [low - 0.05, 1.05]}
    layout = {**LAYOUT, "yaxis": yaxis, "shapes": [zero, *marks]}
    return {"data": traces, "layout": layout}


def drawn(objectives: Sequence[ObjectiveRow]) -> list[ObjectiveRow]:
    """The objectives with least left: eight lines can be told apart, eighteen cannot."""
    known = [row for row in objectives if row.burn_down and row.left is not None]
    return sorted(known, key=lambda row: row.left or 0.0)[:MOST_LINES]


def by_incident(*, incidents: Sequence[Cost]) -> Figure:
    """Requests over the goal by incident, the dearest first."""
    counted = sorted((row for row in incidents if row.bad is not None), key=lambda row: row.bad or 0.0)[-12:]
    bars = {
        "type": "bar",
        "orientation": "h",
        "x": [row.bad for row in counted],
        "y": [f"INC-{row.number} {row.service}" for row in counted],
        "marker": {"color": BURN},
        "hovertemplate": "%{x:,.0f} requests<extra></extra>",
    }
    layout = {
        **LAYOUT,
        "height": max(140, 36 * len(counted) + 60),
        "margin": {**LAYOUT["margin"], "l": 120},
        "hovermode": "closest",
    }
    return {"data": [bars], "layout": layout}
