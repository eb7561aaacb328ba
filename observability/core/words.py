"""Numbers and times as people read them. Pure. No data is said as a dash, never as 0."""

from __future__ import annotations

import math
from datetime import datetime
from decimal import Decimal

NOTHING = "–"


def duration(seconds: float | None) -> str:
    """A span in its two largest units: 40 -> '40 s', 360 -> '6 min', 7800 -> '2 h 10 min', 273600 -> '3 d 4 h'."""
    if seconds is None:
        return NOTHING
    whole = max(0, int(seconds))
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min"
    if whole < 86400:
        minutes = whole % 3600 // 60
        return f"{whole // 3600} h" + (f" {minutes} min" if minutes else "")
    hours = whole % 86400 // 3600
    return f"{whole // 86400} d" + (f" {hours} h" if hours else "")


def ago(*, at: datetime, now: datetime) -> str:
    """'4 min ago', or 'in 4 min' for what is to come."""
    seconds = (now - at).total_seconds()
    return f"{duration(seconds)} ago" if seconds >= 0 else f"in {duration(-seconds)}"


def seconds(value: float | None) -> str:
    """A latency: 0.391 -> '391 ms', 2.1 -> '2.1 s', 0.0042 -> '4.2 ms'."""
    if value is None:
        return NOTHING
    if math.isinf(value):
        return "over the last bucket"
    if value >= 10:
        return duration(value) if value >= 120 else f"{value:.0f} s"
    if value >= 1:
        return f"{value:.2g} s" if value < 9.95 else "10 s"
    milliseconds = value * 1000
    return f"{milliseconds:.0f} ms" if milliseconds >= 10 else f"{milliseconds:.2g} ms"


def percent(ratio: float | Decimal | None, digits: int = 1) -> str:
    """0.806 -> '80.6 %'. A whole number loses its zeros: 0.95 -> '95 %'; a small one is never said as 0: 0.00004 -> '0.004 %'."""
    if ratio is None:
        return NOTHING
    text = f"{float(ratio) * 100:.{digits}f}"
    if ratio and not float(text):
        text = f"{float(ratio) * 100:.1g}" if abs(float(ratio)) >= 1e-6 else "under 0.0001"
    return (text.rstrip("0").rstrip(".") if "." in text else text) + " %"


def left(ratio: float | Decimal | None) -> str:
    """What is left of a budget: 0.806 -> '80.6 %'; an overspent one in multiples of the whole: -537.1 -> 'spent 538x'."""
    if ratio is None or ratio >= 0:
        return percent(ratio)
    return f"spent {1 - float(ratio):.3g}x"


def factor(value: float) -> str:
    """How many times: 20.13 -> '20.1', 984.6 -> '985', 12345.6 -> '12,346'."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def target(value: Decimal | float | None) -> str:
    """A target keeps all its nines: 0.9995 -> '99.95 %'."""
    if value is None:
        return NOTHING
    return f"{(Decimal(str(value)) * 100).normalize():f} %"


def count(value: float | None) -> str:
    """20900 -> '20,900'; small fractions keep two digits: 0.42 -> '0.42'."""
    if value is None:
        return NOTHING
    if abs(value) >= 100 or float(value).is_integer():
        return f"{value:,.0f}"
    return f"{value:.3g}"


def usd(value: Decimal | float | None) -> str:
    """Money: 0.112 -> '$0.112', 1234.5 -> '$1,234.50', 2280000 -> '$2,280,000'."""
    if value is None:
        return NOTHING
    amount = float(value)
    if amount and abs(amount) < 1:
        return f"${amount:.3f}"
    return f"${amount:,.2f}" if abs(amount) < 100_000 else f"${amount:,.0f}"


def quantity(*, value: float | None, unit: str) -> str:
    """A number with its unit as evidence gives it: (20.1, 'x') -> '20.1x', (0.391, 's') -> '391 ms', (0.71, 'ratio') -> '71 %'."""
    if value is None:
        return "no data"
    match unit:
        case "s" | "seconds":
            return seconds(value)
        case "ratio" | "share":
            return percent(value)
        case "x" | "times":
            return f"{value:.3g}x"
        case "usd" | "USD" | "$":
            return usd(value)
        case "":
            return count(value)
        case _:
            return f"{count(value)} {unit}"


def listed(names: list[str]) -> str:
    """['a', 'b', 'c'] -> 'a, b and c'."""
    if len(names) < 2:
        return "".join(names)
    return ", ".join(names[:-1]) + " and " + names[-1]
