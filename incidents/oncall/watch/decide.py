"""What a look at a schedule leads to. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from incidents.oncall.schedule import Shift, gaps
from incidents.oncall.walltime import Interval

#: Gaps are found so far ahead; those that begin within PAGE_AHEAD page, earlier ones are a notice.
LOOK_AHEAD = timedelta(days=14)
PAGE_AHEAD = timedelta(hours=24)
#: At the latest after so long a schedule is looked at again, though nothing changes hands.
LONGEST_REST = timedelta(hours=1)
SHORTEST_GAP = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Look:
    """Who came and went since the last look, which gaps lie ahead, when to look next."""

    people: tuple[str, ...]
    came: tuple[str, ...]
    went: tuple[str, ...]
    until: datetime | None
    gaps: tuple[Interval, ...]
    next_at: datetime


def look(*, found: Sequence[Shift], before: Sequence[str], now: datetime) -> Look:
    """`found`: the shifts of [now, now + LOOK_AHEAD); `before`: who was on call at the last look."""
    current = found[0] if found and found[0].start <= now else None
    people = current.people if current is not None else ()
    changes = [edge for shift in found for edge in (shift.start, shift.end) if edge > now]
    ahead = gaps(found=found, start=now, end=now + LOOK_AHEAD)
    return Look(
        people=people,
        came=tuple(one for one in people if one not in before),
        went=tuple(one for one in before if one not in people),
        until=_until(found, people),
        gaps=tuple(gap for gap in ahead if gap[1] - gap[0] >= SHORTEST_GAP),
        next_at=min([*changes, now + LONGEST_REST]),
    )


def pages(gap: Interval, now: datetime) -> bool:
    """Whether a gap is near enough to wake somebody: it begins within a day."""
    return gap[0] - now <= PAGE_AHEAD


def _until(found: Sequence[Shift], people: tuple[str, ...]) -> datetime | None:
    """When the present people hand over: the end of their shifts without a break."""
    until = None
    for shift in found:
        if shift.people != people or (until is not None and shift.start != until):
            break
        until = shift.end
    return until
