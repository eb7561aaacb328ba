"""The course of a run: what an executor's answer means, and what follows it. At least once, never lost, and honest about what nobody knows.

    proposed → approved → running → verifying → verified | not verified
                  ↘ refused       ↘ failed | unknown (a worker or a connection was lost between acting and the answer)

A run says that it is about to act before it acts. Found like that again, without an answer, it is sent again with the same key where
the executor carries out a key once; else nobody knows, and a person looks.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

POLL = timedelta(seconds=5)
DELAYS = (timedelta(seconds=5), timedelta(seconds=15), timedelta(seconds=30))
#: An executor that is still at it after so long has failed.
LONGEST = timedelta(minutes=15)
#: What is measured after an action is measured over so long, and first when none of it lies in the half minute in which queues drain.
WINDOW = timedelta(seconds=90)
FIRST_LOOK = timedelta(seconds=120)
LOOK_EVERY = timedelta(seconds=30)


class State(StrEnum):
    PROPOSED = "proposed"
    APPROVED = "approved"
    STARTED = "started"  # a person, or the last approval, said go: a worker takes it
    RUNNING = "running"
    UNKNOWN = "unknown"
    VERIFYING = "verifying"
    VERIFIED = "verified"
    NOT_VERIFIED = "not_verified"
    DONE = "done"  # and nothing was asked to be verified
    FAILED = "failed"
    REFUSED = "refused"


#: A worker has something to do.
ACTIVE = (State.STARTED, State.RUNNING)
#: It has begun, or is about to, and has not ended.
UNDER_WAY = (State.STARTED, State.RUNNING, State.UNKNOWN)
WAITING = (State.PROPOSED, State.APPROVED)
#: Whatever it did is in force.
IN_FORCE = (State.VERIFYING, State.VERIFIED, State.NOT_VERIFIED, State.DONE)


class Progress(StrEnum):
    """What an executor answered."""

    DONE = "done"
    RUNNING = "running"
    FAILED = "failed"  # refused for good: nothing was done
    AGAIN = "again"  # it did not arrive: try again
    LOST = "lost"  # it may have arrived
    UNKNOWN = "unknown"  # it may have arrived, and asking again cannot tell


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    progress: Progress
    detail: str = ""
    output: str = ""


class Reason(StrEnum):
    ANSWERED = "the executor says that it is done"
    WORKING = "the executor is at it"
    REFUSED = "the executor refuses it"
    UNREACHED = "the executor could not be reached"
    REPEATED = "no answer came; the executor carries out a key once, so it is asked again"
    UNKNOWN = "no answer came, and asking again could do it twice; look whether it happened"
    CRASHED = "a worker was lost between acting and writing down the answer; look whether it happened"
    GIVEN_UP = "given up: it took too long"


@dataclass(frozen=True, slots=True)
class Next:
    state: State
    reason: Reason
    due_at: datetime | None = None


def after(
    *, result: Result, attempt: int, began_at: datetime, now: datetime, repeatable: bool, taken: bool = False
) -> Next:
    """What follows an answer. `state` DONE means that the executor is done; completion and verification follow.

    `taken`: it said before that it has the order; what is asked since is only how far it is.
    """
    progress, late = result.progress, now - began_at > LONGEST
    if progress is Progress.DONE:
        return Next(State.DONE, Reason.ANSWERED)
    if progress is Progress.FAILED:
        return Next(State.FAILED, Reason.REFUSED)
    if progress is Progress.UNKNOWN or (progress is Progress.LOST and not repeatable):
        return Next(State.UNKNOWN, Reason.UNKNOWN)
    if progress is Progress.RUNNING:
        return Next(State.FAILED, Reason.GIVEN_UP) if late else Next(State.RUNNING, Reason.WORKING, now + POLL)
    lost = progress is Progress.LOST
    reason = Reason.REPEATED if lost else Reason.UNREACHED
    if taken and not late:
        return Next(State.RUNNING, reason, now + POLL)
    if late or attempt > len(DELAYS):
        # What may have arrived is not called failed.
        maybe = lost or taken
        return Next(State.UNKNOWN if maybe else State.FAILED, Reason.UNKNOWN if maybe else Reason.GIVEN_UP)
    return Next(State.RUNNING, reason, now + DELAYS[attempt - 1])


def found_in_flight(*, repeatable: bool, now: datetime) -> Next:
    """A run whose worker is gone: it had said that it was about to act, and no answer is written down."""
    if repeatable:
        return Next(State.RUNNING, Reason.REPEATED, now)
    return Next(State.UNKNOWN, Reason.CRASHED)
