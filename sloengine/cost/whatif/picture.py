"""Cost before and after as bars. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from html import escape

from sloengine.strokes import ink, number, svg

HEIGHT, GAP, LETTERS, TAIL = 26, 12, 64, 190


def bars(before: Fraction | None, after: Fraction | None, *, unit: str, width: int = 1000) -> str:
    """Two bars on one scale: today, and with the change. What is not known is said, not drawn as nothing."""
    values: Sequence[tuple[str, Fraction | None]] = (("today", before), ("with it", after))
    most = max([value for _, value in values if value is not None] or [Fraction(1)]) or Fraction(1)
    body, said = [], []
    for row, (name, value) in enumerate(values):
        y = row * (HEIGHT + GAP)
        words = "not known" if value is None else f"{number(float(value))} {unit}"
        said.append(f"{name} {words}")
        body.append(f'<text class="name" x="0" y="{y + 17}">{escape(name)}</text>')
        length = 0.0 if value is None else float(value / most) * (width - LETTERS - TAIL)
        colour = (
            "accent" if row == 0 else "ok" if value is not None and before is not None and value <= before else "warn"
        )
        if value is not None:
            body.append(
                f'<rect x="{LETTERS}" y="{y}" width="{max(length, 1):.1f}" height="{HEIGHT}" rx="3" fill="{ink(colour)}"/>'
            )
        body.append(f'<text x="{LETTERS + length + 8:.1f}" y="{y + 17}">{escape(words)}</text>')
    return svg(body, width=width, height=2 * HEIGHT + GAP, said=f"Cost: {', '.join(said)}.")
