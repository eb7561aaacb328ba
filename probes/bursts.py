"""The worst ten seconds of a service, from buckets read each second (REQUIREMENTS R11). Pure.

An average over a minute hides a burst: 10 s in which 2 % of 500,000 requests are late are 0.3 % of a minute. So marked services
are read at 1 s, and the page shows the worst and the busiest window of 10 s that ended within the last minute, so that every
scraper that comes once a minute or more often sees each window, however many scrapers there are. Late means beyond a bucket's
bound: where the source has no bound at 300 ms, that count is absent, not guessed.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from probes import latency
from probes.exposition import Samples, Series
from probes.signals import PREFIX

READ_SECONDS = 1.0
WINDOW_SECONDS = 10.0
SHOWN_SECONDS = 60.0
LATE = {0.25: "burst_over_250ms_requests", 0.3: "burst_over_300ms_requests"}


@dataclass(frozen=True, slots=True)
class Window:
    """Ten seconds: when they ended, how many requests, and of those how many beyond each bound that the source has."""

    ended: float
    count: float
    late: Mapping[float, float]

    @property
    def worst(self) -> tuple[float, float]:
        """The share beyond the largest bound; of two alike the one with more requests."""
        return (self.late[max(self.late)] / self.count if self.late and self.count else 0.0, self.count)


class Bursts:
    """Of one service; its replicas are summed."""

    def __init__(self) -> None:
        self._last: dict[str, dict[float, float]] = {}
        self._grown: deque[tuple[float, dict[float, float]]] = deque()
        self._windows: deque[Window] = deque()

    def read(self, now: float, *, replica: str, buckets: Mapping[float, float]) -> None:
        """`buckets`: upper bound to cumulative count; a count that fell belongs to a new process, and all of it is new."""
        before = self._last.get(replica)
        self._last[replica] = dict(buckets)
        if before is None or before.keys() != buckets.keys():
            return
        if any(buckets[upper] < before[upper] for upper in buckets):
            before = dict.fromkeys(buckets, 0.0)
        self._grown.append((now, {upper: buckets[upper] - before[upper] for upper in buckets}))

    def close(self, now: float) -> None:
        """The window that ends now joins those that are shown."""
        while self._grown and self._grown[0][0] <= now - WINDOW_SECONDS:
            self._grown.popleft()
        while self._windows and self._windows[0].ended <= now - SHOWN_SECONDS:
            self._windows.popleft()
        rows = [grown for _, grown in self._grown]
        count = sum(grown.get(math.inf, 0.0) for grown in rows)
        if count:
            known = [bound for bound in LATE if all(bound in grown for grown in rows)]
            late = {bound: sum(grown[math.inf] - grown[bound] for grown in rows) for bound in known}
            if self._windows and self._windows[-1].ended == now:
                self._windows.pop()  # another replica, the same second
            self._windows.append(Window(now, count, late))

    def page(
        self, now: float, *, replica: str, samples: Mapping[Series, float], made: Mapping[str, Sequence[Series]]
    ) -> None:
        """One more second of a replica's canonical page, by its time to the first token."""
        if found := latency.buckets(samples, made, families=(f"{PREFIX}ttft_seconds_bucket",)):
            self.read(now, replica=replica, buckets=found)
            self.close(now)

    def samples(self, service: str) -> Samples:
        out: Samples = {}
        for state, window in self.shown().items():
            counts = {"burst_requests": window.count} | {LATE[bound]: late for bound, late in window.late.items()}
            labels = (("service", service), ("state", state))
            out.update({Series(PREFIX + name, labels): count for name, count in counts.items()})
        return out

    def shown(self) -> dict[str, Window]:
        """By `state`: worst and busiest; empty where no request ended within the last minute."""
        if not self._windows:
            return {}
        return {
            "worst": max(self._windows, key=lambda window: window.worst),
            "busiest": max(self._windows, key=lambda window: window.count),
        }
