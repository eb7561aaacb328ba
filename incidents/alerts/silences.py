"""Silences and maintenance: what is kept quiet, until when, and why.

A silence is a rule over labels, not a mark on an alert: an alert that resolves and fires again is still silenced. With the
label `fingerprint` it names one alert of a group and leaves the others.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from incidents.alerts.matchers import Matcher, all_fit

#: A silence that ends is announced this long before; a shorter one at a tenth of its length before its end.
NOTICE_BEFORE = timedelta(minutes=15)


@dataclass(frozen=True, slots=True)
class Quiet:
    """What is kept quiet from `starts_at` until `ends_at` (not at that instant itself any more)."""

    reason: str
    matchers: tuple[Matcher, ...]
    starts_at: datetime
    ends_at: datetime

    def holds(self, now: datetime) -> bool:
        return self.starts_at <= now < self.ends_at


@dataclass(frozen=True, slots=True)
class Muted:
    """Why an alert is quiet, and when to ask again (None: when what quiets it is over)."""

    reason: str
    until: datetime | None = None
    by_alert: int | None = None


def silenced(*, labels: Mapping[str, str], quiets: Iterable[Quiet], now: datetime) -> Muted | None:
    """The quiet that holds for the labels now and ends last, or None.

    Silenced until 13:00 by one and until 14:00 by another → until 14:00.
    """
    holding = [quiet for quiet in quiets if quiet.holds(now) and all_fit(quiet.matchers, labels)]
    if not holding:
        return None
    last = max(holding, key=lambda quiet: quiet.ends_at)
    return Muted(reason=last.reason, until=last.ends_at)


def notice_at(*, starts_at: datetime, ends_at: datetime) -> datetime:
    """When to say that a silence will end: of 2 hours 15 minutes before, of 20 minutes 2 minutes before."""
    return ends_at - min(NOTICE_BEFORE, (ends_at - starts_at) / 10)
