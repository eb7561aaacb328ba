"""What keeps canaries small: requests a minute, a share of the service's traffic, a slower pace where they are rejected. Pure.

Traffic is measured in tokens, prompt and generated, since those are what is paid for: 4 canaries a minute of 65 tokens are 0.1 %
of 240 requests a minute of 1,100 tokens.
"""

from __future__ import annotations

import math
from collections import deque

MINUTE = 60.0
WINDOW_SECONDS = 600.0
SLOWEST = 8  # a service that rejects canaries is asked this many times more seldom at most


class Pace:
    """A bucket of `per_minute` requests that refills evenly: after a quiet minute that many may go at once."""

    def __init__(self, *, per_minute: float, started: float) -> None:
        self._most, self._left, self._at = per_minute, per_minute, started

    def take(self, now: float) -> bool:
        self._left = min(self._most, self._left + max(0.0, now - self._at) * self._most / MINUTE)
        self._at = now
        if self._left < 1.0:
            return False
        self._left -= 1.0
        return True


class Share:
    """At most `share` of a service's tokens over ten minutes, but `floor_per_minute` always, so that an idle service is seen too.

    Where nobody here reads the service's engines, or only for a minute yet, its traffic is unknown, and this bounds nothing; nor
    does a share of 1.
    """

    def __init__(self, *, share: float, floor_per_minute: float) -> None:
        self._share, self._floor = share, floor_per_minute
        self._counts: dict[str, float] = {}  # the last cumulative count of each replica
        self._traffic: deque[tuple[float, float]] = deque()
        self._own: deque[tuple[float, float]] = deque()
        self._first = math.inf  # when it was first read
        self._asked_at = -math.inf

    def read(self, now: float, *, replica: str, tokens: float) -> None:
        """The cumulative count of a replica; one that fell has restarted."""
        before = self._counts.get(replica)
        self._counts[replica] = tokens
        self._first = min(self._first, now)
        if before is not None:
            self._traffic.append((now, tokens - before if tokens >= before else tokens))

    def spent(self, now: float, tokens: float) -> None:
        self._own.append((now, tokens))

    def take(self, now: float) -> bool:
        for seen in (self._traffic, self._own):
            while seen and seen[0][0] <= now - WINDOW_SECONDS:
                seen.popleft()
        own = sum(tokens for _, tokens in self._own)
        traffic = sum(tokens for _, tokens in self._traffic) - own
        within = self._share >= 1 or now - self._first < MINUTE or own <= self._share * traffic
        if now < self._asked_at:
            self._asked_at = -math.inf  # the clock was set back
        due = self._floor > 0 and now - self._asked_at >= MINUTE / self._floor
        if within or due:
            self._asked_at = now
        return within or due


def slower(factor: int, outcome: str) -> int:
    """By how much a canary's interval is stretched after an answer: doubled by each rejection, back to 1 by anything else.

    Failures do not slow it: an outage is to be seen. Nothing is ever sent again.
    """
    return min(SLOWEST, factor * 2) if outcome == "rejected" else 1


def jitter(interval_seconds: float, ratio: float, *, at: int, round_: int) -> float:
    """Seconds later than planned, from 0 to `ratio` of the interval: the same for the same canary and round, different between
    canaries, so that those of many probes do not meet. By the golden ratio, which spreads any run of rounds evenly."""
    return interval_seconds * ratio * ((at * 0.7548776662 + round_ * 0.6180339887) % 1.0)
