"""From published updates to what a status page says: what stands how, what goes on, and the last days.

An update holds until the next one of its incident: published 10:00 outage, 10:40 degraded, 11:00 resolved makes 40 minutes
of outage and 20 of degraded service. Nothing that was not published enters here.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import pairwise

from incidents.updates.cadence import Impact, Phase

DAYS = 90
#: How bad each is, for comparing.
RANK: Mapping[Impact, int] = {Impact.NONE: 0, Impact.DEGRADED: 1, Impact.OUTAGE: 2}
WORDS: Mapping[Impact, str] = {
    Impact.NONE: "Works as it should",
    Impact.DEGRADED: "Degraded",
    Impact.OUTAGE: "Down",
}


@dataclass(frozen=True, slots=True)
class Message:
    """One published update."""

    at: datetime
    phase: Phase
    impact: Impact
    headline: str
    text: str


@dataclass(frozen=True, slots=True)
class Story:
    """What was published of one incident, oldest first; `service_id` None: it names none."""

    service_id: int | None
    messages: tuple[Message, ...]

    @property
    def headline(self) -> str:
        return self.messages[-1].headline

    @property
    def began_at(self) -> datetime:
        return self.messages[0].at

    @property
    def ended_at(self) -> datetime | None:
        """When it was published as resolved; None while it is not."""
        last = self.messages[-1]
        return last.at if last.phase is Phase.RESOLVED else None

    @property
    def impact(self) -> Impact:
        """What is noticed now."""
        return Impact.NONE if self.ended_at is not None else self.messages[-1].impact

    @property
    def newest_first(self) -> tuple[Message, ...]:
        return self.messages[::-1]


@dataclass(frozen=True, slots=True)
class Day:
    """The worst of a day (UTC), and for how long anything was noticed."""

    on: date
    worst: Impact
    noticed: timedelta


def worst(impacts: Iterable[Impact]) -> Impact:
    """(degraded, outage) → outage; nothing → none."""
    return max(impacts, key=RANK.__getitem__, default=Impact.NONE)


def days(*, stories: Sequence[Story], now: datetime, count: int = DAYS) -> tuple[Day, ...]:
    """The last `count` days, oldest first, today last. Stretches that overlap are noticed once."""
    today = now.date()
    stretches = [stretch for story in stories for stretch in _stretches(story, now)]
    found = []
    for back in range(count - 1, -1, -1):
        on = today - timedelta(days=back)
        start = datetime(on.year, on.month, on.day, tzinfo=now.tzinfo)
        end = start + timedelta(days=1)
        cut = [(max(a, start), min(b, end), impact) for a, b, impact in stretches if a < end and b > start]
        found.append(Day(on, worst(impact for _, _, impact in cut), _covered([(a, b) for a, b, _ in cut])))
    return tuple(found)


def _stretches(story: Story, now: datetime) -> list[tuple[datetime, datetime, Impact]]:
    ends = [later.at for _, later in pairwise(story.messages)] + [now]
    return [
        (message.at, end, message.impact)
        for message, end in zip(story.messages, ends, strict=True)
        if message.phase is not Phase.RESOLVED and message.impact is not Impact.NONE and end > message.at
    ]


def _covered(stretches: Sequence[tuple[datetime, datetime]]) -> timedelta:
    total, reached = timedelta(0), None
    for start, end in sorted(stretches):
        begin = start if reached is None else max(start, reached)
        if end > begin:
            total += end - begin
        reached = end if reached is None else max(reached, end)
    return total


def headline(*, impacts: Sequence[Impact], going_on: int) -> str:
    """The page in one line: ("Everything works", "1 of 3 services is degraded or down")."""
    hurt = sum(impact is not Impact.NONE for impact in impacts)
    if hurt:
        return f"{hurt} of {len(impacts)} services {'is' if hurt == 1 else 'are'} degraded or down"
    if going_on:
        return f"We are looking into {going_on} problem{'s' if going_on > 1 else ''}"
    return "Everything works"
