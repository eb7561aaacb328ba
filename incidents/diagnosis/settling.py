"""When a new look at an open incident replaces the stored diagnosis.

Evidence ripens: histograms are written when requests finish, canaries come once a minute, a replay takes minutes. So an
open incident is looked at again every minute while it is younger than five minutes, unexplained, of confidence under 0.7,
or waiting for a replay; after an hour it is left alone. The rule:

- the same leaf: the newer evidence replaces the older where its confidence is no lower; the timeline stays silent.
- another leaf: it replaces the stored one when its confidence is higher, or, in the first five minutes, at least 0.7; or
  when a replay's verdict has just led to it: no later look knows more of two versions than both of them asked.
- a stored leaf under 0.7 that the new look supports less than its own: the first minute of a flood points at one replica, the
  third no longer does.
- unexplained never replaces a leaf that was found: the evidence fades as people mitigate.

A leaf thus changes at most a few times in the first minutes and then only upwards in confidence: no flapping.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

UNEXPLAINED = "unexplained"
SETTLED_CONFIDENCE = 0.7


class Change(StrEnum):
    KEEP = "keep"
    REFRESH = "refresh"  # the same leaf, fresher evidence
    REPLACE = "replace"  # another leaf


@dataclass(frozen=True, slots=True)
class Held:
    leaf: str
    confidence: float


def settle(
    *, stored: Held | None, found: Held, young: bool, replayed: bool = False, supported: float | None = None
) -> Change:
    """`young`: the incident opened, or paged for the first time, less than five minutes ago. `replayed`: a
    replay's verdict, new to this look, is on its path.
    `supported`: the confidence that this look has in the stored leaf, as a rival (0 where it is none); None where nobody asked."""
    if stored is None or not stored.leaf:
        return Change.REPLACE
    if stored.leaf == found.leaf:
        return Change.REFRESH if found.confidence >= stored.confidence else Change.KEEP
    if found.leaf == UNEXPLAINED:
        return Change.KEEP
    if replayed or stored.leaf == UNEXPLAINED or found.confidence > stored.confidence:
        return Change.REPLACE
    if supported is not None and stored.confidence < SETTLED_CONFIDENCE and found.confidence > supported:
        return Change.REPLACE
    return Change.REPLACE if young and found.confidence >= SETTLED_CONFIDENCE else Change.KEEP
