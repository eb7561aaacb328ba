"""One colour, one meaning. Pure. Lines are middle tones that read on light and dark; text and grid follow the page's tokens by CSS."""

from __future__ import annotations

from typing import Any

LINES = ("#4a78e8", "#d9702b", "#3f9c72", "#9a7be0", "#c2548f", "#8a8f2f")
BURN = "#d9483c"
QUIET = "#8a919a"
FONT = 'system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", sans-serif'
LAYOUT: dict[str, Any] = {
    "paper_bgcolor": "rgba(0,0,0,0)",
    "plot_bgcolor": "rgba(0,0,0,0)",
    "font": {"family": FONT, "size": 12, "color": QUIET},
    "margin": {"l": 52, "r": 16, "t": 12, "b": 32},
    "hovermode": "x unified",
    "legend": {"orientation": "h", "y": -0.16, "x": 0},
    "xaxis": {"gridcolor": "rgba(128,128,128,.18)", "zeroline": False},
    "yaxis": {"gridcolor": "rgba(128,128,128,.18)", "zeroline": False},
    "modebar": {"bgcolor": "rgba(0,0,0,0)", "color": QUIET},
    "height": 360,
}
CONFIG: dict[str, Any] = {
    "displaylogo": False,
    "responsive": True,
    "modeBarButtons": [["toImage"]],
    "toImageButtonOptions": {"format": "png", "scale": 2},
}
