"""What a report changes about an alert that is known: ordered by time, not by arrival.

An episode is one stretch of firing. Reports of it come several times (repeats, both halves of an HA pair, retries after a lost
answer) and in any order. A resolve ends the episode that it speaks of; one that is older than the episode is stale. A report
that an episode fires which has ended already is stale too, unless it comes long after: no sender holds one back that long, so
then it does fire, and the end that came before was wrong (a cut-off Alertmanager times out what it no longer hears of).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from incidents.ingest.payloads import Report

#: A sender may still say that something fires for so long after it ended: Alertmanager retries within its group_interval.
STALE_WITHIN = timedelta(minutes=10)


class Fold(StrEnum):
    """What to do with a report, and why."""

    NEW = "a new episode"
    OVER = "it was over before it was heard of"
    ENDS = "it ends"
    UPDATED = "it says more"
    SAME = "nothing new"
    STALE = "it is older than what is known"
    AGAIN = "it fires after all"


@dataclass(frozen=True, slots=True)
class Known:
    """The latest episode of a fingerprint, as stored."""

    starts_at: datetime
    ends_at: datetime | None
    #: When its end was heard of.
    ended_heard_at: datetime | None
    previous_ends_at: datetime | None
    same_content: bool
    #: The latest beginning that was stated for it: a resolve that is older speaks of an earlier stretch.
    fires_since: datetime | None = None


def fold(*, report: Report, known: Known | None, now: datetime) -> Fold:
    """Firing since 10:00 is known. Resolved at 10:20 → ENDS. Resolved at 9:50 → STALE. Firing since 10:00 → SAME.

    Ended at 10:20, heard at 10:21. Firing since 10:00, heard at 10:22 → STALE; at 10:40 → AGAIN. Firing since 10:25 → NEW.
    """
    if known is not None and known.ends_at is None:
        return _of_firing(report, known)
    if not report.firing and report.starts_at == report.ends_at:
        return Fold.SAME  # "all is well", where nothing was wrong: no episode
    if known is None or known.ends_at is None:
        return Fold.NEW if report.firing else Fold.OVER
    if not report.firing:
        return Fold.OVER if report.starts_at > known.ends_at else Fold.STALE
    if report.starts_at >= known.ends_at:
        return Fold.NEW
    heard = known.ended_heard_at or known.ends_at
    return Fold.STALE if now - heard <= STALE_WITHIN else Fold.AGAIN


def _of_firing(report: Report, known: Known) -> Fold:
    before = known.previous_ends_at
    of_an_earlier_one = before is not None and report.starts_at < before
    since = known.fires_since or known.starts_at
    if report.firing and not of_an_earlier_one:
        return Fold.SAME if known.same_content and report.starts_at <= since else Fold.UPDATED
    ended_before = report.ends_at is not None and report.ends_at <= since
    return Fold.STALE if report.firing or of_an_earlier_one or ended_before else Fold.ENDS
