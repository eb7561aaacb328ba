"""How long it took (REQUIREMENTS R26).

    MTTD = detected - impact start        (impact start is editable)
    MTTA = acknowledged - first page      (the first page that a pager took)
    MTTR = mitigated - impact start
    duration = resolved - impact start

Each is None as long as one of its two moments is not known.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise


@dataclass(frozen=True, slots=True)
class Moments:
    """The moments of one incident, aware UTC; None where it has not happened or is not known."""

    impact_started_at: datetime | None
    detected_at: datetime | None
    first_paged_at: datetime | None
    acknowledged_at: datetime | None
    mitigated_at: datetime | None
    resolved_at: datetime | None


@dataclass(frozen=True, slots=True)
class Times:
    """The R26 figures of one incident."""

    to_detect: timedelta | None
    to_acknowledge: timedelta | None
    to_mitigate: timedelta | None
    to_resolve: timedelta | None


def times(moments: Moments) -> Times:
    """Impact 12:00, detected 12:03, paged 12:04, acknowledged 12:06, mitigated 12:30 → 3, 2 and 30 minutes."""
    return Times(
        to_detect=_between(moments.impact_started_at, moments.detected_at),
        to_acknowledge=_between(moments.first_paged_at, moments.acknowledged_at),
        to_mitigate=_between(moments.impact_started_at, moments.mitigated_at),
        to_resolve=_between(moments.impact_started_at, moments.resolved_at),
    )


def _between(start: datetime | None, end: datetime | None) -> timedelta | None:
    if start is None or end is None:
        return None
    # An acknowledgement that was faster than the first page (from the list, say) took no time, not a negative one.
    return max(end - start, timedelta(0))


def words(span: timedelta | None) -> str:
    """A span as people read it: 45 s, 3 min 20 s, 2 h 5 min, 3 d 4 h; None → "not known"."""
    if span is None:
        return "not known"
    seconds = int(span.total_seconds())
    if seconds < 60:
        return f"{seconds} s"
    units = ((86400, "d"), (3600, "h"), (60, "min"), (1, "s"))
    for (size, name), (next_size, next_name) in pairwise(units):
        if seconds >= size:
            first, rest = divmod(seconds, size)
            second = rest // next_size
            return f"{first} {name} {second} {next_name}" if second else f"{first} {name}"
    raise AssertionError("a span of 60 s or more has a unit")
