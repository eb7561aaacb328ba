"""One colour, one meaning. Pure. Marks are middle tones that read on light and dark; text and grid follow the page's tokens by CSS."""

from __future__ import annotations

from typing import Any

LINES = ("#4a78e8", "#d9702b", "#3f9c72", "#9a7be0", "#c2548f", "#8a8f2f")
#: What is counted, where nothing is good or bad about it.
PLAIN = LINES[0]
OK = "#3f9c72"
WARN = "#c98a1b"
BURN = "#d9483c"
QUIET = "#8a919a"
FAINT = "rgba(128,128,128,.18)"
HATCH = "rgba(128,128,128,.4)"
#: From nothing to all: a GPU at work. One hue, so that more is darker on light and brighter on dark.
WORK = [[0.0, "rgba(74,120,232,.06)"], [1.0, "rgba(74,120,232,1)"]]
#: Nothing holds, one thing does, both do: only the last is lit.
LIT = [[0.0, "rgba(128,128,128,.10)"], [0.5, "rgba(128,128,128,.22)"], [1.0, "rgba(63,156,114,.85)"]]
FONT = 'system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", sans-serif'
LAYOUT: dict[str, Any] = {
    "paper_bgcolor": "rgba(0,0,0,0)",
    "plot_bgcolor": "rgba(0,0,0,0)",
    "font": {"family": FONT, "size": 12, "color": QUIET},
    "margin": {"l": 52, "r": 16, "t": 28, "b": 32},
    "hovermode": "closest",
    "showlegend": False,
    "xaxis": {"gridcolor": FAINT, "zeroline": False, "automargin": True},
    "yaxis": {"gridcolor": FAINT, "zeroline": False, "automargin": True},
    "modebar": {"bgcolor": "rgba(0,0,0,0)", "color": QUIET},
    "height": 320,
}


def config(name: str) -> dict[str, Any]:
    """How a chart is shown: its picture can be had, as a file of this name, and nothing else is in the way."""
    return {
        "displaylogo": False,
        "responsive": True,
        "displayModeBar": True,
        "modeBarButtons": [["toImage"]],
        "toImageButtonOptions": {"format": "png", "scale": 2, "filename": f"tailwatch-{name}"},
    }
