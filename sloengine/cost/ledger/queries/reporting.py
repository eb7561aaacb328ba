"""A report of the last hours or days, as the command, the page and the API show it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from observability.core.models import Organisation
from sloengine.cost.ledger.queries.spending import spend
from sloengine.cost.ledger.reporting import Report, report
from sloengine.cost.ledger.stretches import hour_of

MOST_HOURS = 400 * 24


@dataclass(frozen=True, slots=True)
class Overview:
    """`tokens` are those of each row by hour, or by day where it is more than two days; None where nothing was used."""

    by: tuple[str, ...]
    since: datetime
    until: datetime
    report: Report
    tokens: dict[tuple[str, ...], list[float | None]]


def overview(
    *, organisation: Organisation, hours: int, by: Sequence[str], now: datetime, service: str = ""
) -> Overview:  # fmt: skip
    """ValueError in words where a key or the range is none."""
    if not 1 <= hours <= MOST_HOURS:
        raise ValueError(f"hours: found {hours}, expected 1 to {MOST_HOURS}")
    since = hour_of(now - timedelta(hours=hours))
    window: dict[str, Any] = {"organisation": organisation, "since": since, "until": now, "now": now}
    if service:
        window["where"] = {"service": service}
    spent = spend(by=by, **window)
    step = "hour" if hours <= 48 else "day"
    tokens: dict[tuple[str, ...], dict[str, float]] = defaultdict(dict)
    if spent and step not in by:
        for one in spend(by=(*by, step), **window):
            tokens[one.key[:-1]][one.key[-1]] = float(one.all_tokens)
    times = sorted({time for values in tokens.values() for time in values})
    series = {key: [values.get(time) for time in times] for key, values in tokens.items()}
    return Overview(tuple(by), since, now, report(spent, seconds=(now - since).total_seconds()), series)
