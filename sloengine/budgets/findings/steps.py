"""From what holds now and what stands open to the next step. Pure.

A condition opens a finding at once. A finding clears when its condition has been false for `clear_after` (5 minutes): one
good minute in a bad hour closes nothing. Where nothing is known (no data) it neither opens nor counts as quiet.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum


class Condition(StrEnum):
    TRUE = "true"
    FALSE = "false"
    UNKNOWN = "unknown"


class Step(StrEnum):
    NOTHING = "nothing"
    OPEN = "open"
    HOLD = "hold"  # stays open
    QUIET = "quiet"  # began to be quiet
    LOUD = "loud"  # quiet no more
    CLEAR = "clear"


@dataclass(frozen=True, slots=True)
class Standing:
    """A finding that is open, and since when it has been quiet."""

    quiet_since: datetime | None


def next_step(*, condition: Condition, standing: Standing | None, now: datetime, clear_after: timedelta) -> Step:
    """What becomes of a finding.

    >>> at = datetime(2026, 1, 5, 9, 5)
    >>> str(next_step(condition=Condition.FALSE, standing=Standing(at - timedelta(minutes=5)), now=at, clear_after=timedelta(minutes=5)))
    'clear'
    """
    if standing is None:
        return Step.OPEN if condition is Condition.TRUE else Step.NOTHING
    if condition is Condition.UNKNOWN:
        return Step.HOLD
    if condition is Condition.TRUE:
        return Step.HOLD if standing.quiet_since is None else Step.LOUD
    if standing.quiet_since is None:
        return Step.QUIET if clear_after else Step.CLEAR
    return Step.CLEAR if now - standing.quiet_since >= clear_after else Step.HOLD


@dataclass(frozen=True, slots=True)
class Minute:
    """One step of a look back: when it ended, and whether it was bad (None: nothing to judge)."""

    start: datetime
    bad: bool | None


def impact_start(minutes: Sequence[Minute], *, tolerated: int = 2) -> datetime | None:
    """The start of the first bad minute of the present episode, walking back from the last.

    Up to `tolerated` good or empty minutes in between belong to the episode: bad bad good bad is one of four minutes.
    """
    first: datetime | None = None
    gap = 0
    for minute in reversed(minutes):
        if minute.bad:
            first, gap = minute.start, 0
        else:
            gap += 1
            if gap > tolerated and first is not None:
                break
    return first


@dataclass(frozen=True, slots=True)
class Episode:
    """Bad events that were paged, and when they happened."""

    start: datetime
    end: datetime
    bad: float


def merged(episodes: Iterable[Episode]) -> list[Episode]:
    """Episodes that overlap are one: two tiers that paged the same ten bad minutes count them once."""
    result: list[Episode] = []
    for episode in sorted(episodes, key=lambda one: one.start):
        if result and episode.start <= result[-1].end:
            last = result[-1]
            result[-1] = Episode(last.start, max(last.end, episode.end), max(last.bad, episode.bad))
        else:
            result.append(episode)
    return result


def answered(episodes: Iterable[Episode], *, since: datetime) -> float:
    """How many bad events after `since` were paged already: whole episodes that end after it. Never less than there were."""
    return sum(episode.bad for episode in merged(episodes) if episode.end > since)
