"""When a page is tried again, and what an answer means.

The schedule has no jitter: there is one sender a page, and a test should be able to say when the third try comes.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

#: Seconds between tries: a receiver that restarts gets five tries in four minutes, one that is down one every 2 min.
DELAYS_SECONDS = (5, 15, 30, 60, 120)
#: After this long a message is stale: escalation has gone on to others, and the list shows it as failed.
GIVE_UP_AFTER = timedelta(hours=1)
#: Who escalates instead of us has this long to take the page; then we do.
HAND_BACK_AFTER = timedelta(minutes=5)
#: A receiver may ask us to wait, but a page that waits longer than this is no page.
LONGEST_WAIT = timedelta(minutes=5)


class Verdict(StrEnum):
    """What becomes of a page after a try."""

    SENT = "sent"
    AGAIN = "again"
    FAILED = "failed"


class RetryReason(StrEnum):
    """Why."""

    ACCEPTED = "accepted"
    REFUSED = "the receiver refuses it for good"
    UNREACHABLE = "the receiver could not be reached"
    BUSY = "the receiver is busy or broken"
    THROTTLED = "the receiver asked us to wait"
    UNKNOWN = "no answer came: it may have arrived"
    SILENT = "no answer came again: it has probably arrived twice"
    STALE = "given up: no try succeeded in time"


@dataclass(frozen=True, slots=True)
class Outcome:
    """How one try ended. `permanent`: another try cannot help. `arrived`: None where nobody knows."""

    status_code: int | None
    error: str
    permanent: bool
    arrived: bool | None
    retry_after_seconds: float | None = None
    hung: bool = False  # it was taken, and no answer came in time: it has probably arrived
    answer: str = ""  # what an accepting vendor said: its own name for the message, where it gives one

    @property
    def accepted(self) -> bool:
        return self.status_code is not None and 200 <= self.status_code < 300


@dataclass(frozen=True, slots=True)
class Next:
    """The verdict, the reason, and when to try again (with verdict AGAIN)."""

    verdict: Verdict
    reason: RetryReason
    due_at: datetime | None = None


def permanent(status_code: int) -> bool:
    """Answers that another try cannot change: redirects and 4xx, but not 408, 421, 425, 429 and not 5xx."""
    return 300 <= status_code < 500 and status_code not in {408, 421, 425, 429}


def next_try(
    *, outcome: Outcome, attempt: int, ended_at: datetime, give_up_at: datetime, copy: bool = False, folds: bool = True
) -> Next:
    """What follows try number `attempt` (from 1).

    Try 1 at 12:00:00 answered 503 → again at 12:00:05; try 3 → 30 s later; 404 → failed; past `give_up_at` → failed. What
    hung is sent once more where the receiver does not fold copies: a `copy` that hangs too is the last.
    """
    if outcome.accepted:
        return Next(Verdict.SENT, RetryReason.ACCEPTED)
    if outcome.permanent:
        return Next(Verdict.FAILED, RetryReason.REFUSED)
    if outcome.hung and copy and not folds:
        return Next(Verdict.FAILED, RetryReason.SILENT)
    reason = _reason(outcome)
    wait = timedelta(seconds=DELAYS_SECONDS[min(attempt, len(DELAYS_SECONDS)) - 1])
    if outcome.retry_after_seconds is not None:
        wait = max(wait, min(timedelta(seconds=outcome.retry_after_seconds), LONGEST_WAIT))
    if ended_at + wait > give_up_at:
        return Next(Verdict.FAILED, RetryReason.STALE)
    return Next(Verdict.AGAIN, reason, ended_at + wait)


def _reason(outcome: Outcome) -> RetryReason:
    if outcome.status_code == 429:
        return RetryReason.THROTTLED
    if outcome.status_code is not None:
        return RetryReason.BUSY
    return RetryReason.UNREACHABLE if outcome.arrived is False else RetryReason.UNKNOWN
