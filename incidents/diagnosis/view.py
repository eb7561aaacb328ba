"""What was collected about one service, as a port: queries.py reads it from rollups and rows, tests from plain values.

Two windows: NOW is the last five minutes of the impact (at least one), BEFORE the hour that ended a minute before the
impact began. LATEST is the last minute, for what is a state rather than a mean (a replica is down or it is not).
WEEK is the clock hour of a week ago that now's instant lies in; AROUND begins ten minutes before the impact, for events
that lead to it (a restart, an XID); SINCE is all of the impact, twenty minutes at most, for what comes rarely (canaries).
Any other Period may be asked, too.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from incidents.diagnosis.replay import Replayed
from sloengine.detection.precedence import Precedence
from sloengine.rollups.windows import GaugeWindow, HistogramIncrement


class When(StrEnum):
    NOW = "now"
    BEFORE = "before"
    LATEST = "latest"
    WEEK = "week"
    AROUND = "around"
    SINCE = "since"


@dataclass(frozen=True, slots=True)
class Period:
    start: datetime
    end: datetime

    @property
    def seconds(self) -> int:
        return int((self.end - self.start).total_seconds())


@dataclass(frozen=True, slots=True)
class Found:
    """A Finding that fires, or did within the window."""

    kind: str
    severity: str
    reason: str
    evidence: Mapping[str, object] = field(default_factory=dict)

    @property
    def indicator(self) -> str:
        return str(self.evidence.get("indicator", ""))

    @property
    def objective(self) -> str:
        return str(self.evidence.get("title") or self.evidence.get("objective", "objective"))

    def number(self, name: str) -> float | None:
        value = self.evidence.get(name)
        return float(value) if isinstance(value, int | float) else None


@dataclass(frozen=True, slots=True)
class ChangeSeen:
    """`precise`: the precision of weights or cache is what differs, as far as names tell."""

    kind: str
    at: datetime
    before: str
    after: str
    precise: bool = False


@dataclass(frozen=True, slots=True)
class Serving:
    """A version and configuration as the catalogue has seen it serve in a region."""

    region: str
    version: str
    config_hash: str
    seen_from: datetime
    seen_until: datetime


Groups = Mapping[tuple[str, ...], float]
Window = When | Period


class View(Protocol):
    """What was collected about one service. Nothing collected is an empty mapping, or None."""

    @property
    def service(self) -> str: ...
    def period(self, when: When) -> Period: ...
    def covered_seconds(self, family: str, when: Window) -> float | None: ...
    def increments(self, family: str, when: Window, by: tuple[str, ...] = ()) -> Groups: ...
    def histogram(
        self, family: str, when: Window, by: tuple[str, ...] = ()
    ) -> Mapping[tuple[str, ...], HistogramIncrement]: ...
    def gauge(self, family: str, when: Window, by: tuple[str, ...] = ()) -> Mapping[tuple[str, ...], GaugeWindow]: ...
    def findings(self) -> Sequence[Found]: ...
    def changes(self) -> Sequence[ChangeSeen]: ...
    def servings(self) -> Sequence[Serving]: ...
    def elsewhere(self) -> Sequence[str]: ...
    @property
    def impact_started_at(self) -> datetime: ...
    @property
    def now(self) -> datetime: ...
    def replayed(self) -> Replayed: ...
    def leading(self) -> Precedence: ...
