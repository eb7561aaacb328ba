"""What a source of readings is. What it raises:

SourceUnavailable    nothing can be read now: the reason, in a sentence for the person on call, and whose fault it is
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol, runtime_checkable
from urllib.parse import urlsplit

from probes.exposition import Labels, Series


class Fault(StrEnum):
    """Whose turn it is: the network's, the server's, or ours."""

    UNREACHABLE = "unreachable"  # no connection, no answer in time, no certificate that we trust
    REFUSED = "refused"  # 401, 403: who we say we are is not enough
    BAD_QUERY = "bad query"  # 400, 404, 405: it will not answer this, however often it is asked
    TOO_MUCH = "too much"  # 413, 414, 422: the query costs more than the server's limits allow
    BUSY = "busy"  # 429, 503: it has no time now; asking again makes it worse
    BROKEN = "broken"  # anything else


class SourceUnavailable(Exception):
    def __init__(self, reason: str, fault: Fault = Fault.BROKEN) -> None:
        super().__init__(reason)
        self.reason, self.fault = reason, fault


_deadline: ContextVar[float | None] = ContextVar("deadline", default=None)


@contextmanager
def within(seconds: float) -> Iterator[None]:
    """All that is asked of a source in here, in this thread, has so long together."""
    token = _deadline.set(time.monotonic() + seconds)
    try:
        yield
    finally:
        _deadline.reset(token)


def seconds_left(most: float) -> float:
    """How long one question may take: `most`, or what is left; raises SourceUnavailable where nothing is."""
    deadline = _deadline.get()
    if deadline is None:
        return most
    left = deadline - time.monotonic()
    if left <= 0:
        raise SourceUnavailable("its answers take too long together", Fault.UNREACHABLE)
    return min(most, left)


@dataclass(frozen=True, slots=True)
class Reading:
    """The cumulative value of each series at an instant. `partial`: the source itself says that something is missing."""

    at: datetime
    samples: Mapping[Series, float]
    partial: bool = False
    warnings: tuple[str, ...] = ()


class Source(Protocol):
    """A source that can also tell what it would have said at an instant long gone has an attribute `reads_past = True`; of any
    other, one reading covers a gap."""

    def read(self, at: datetime) -> Reading:
        """The reading at `at`; raises SourceUnavailable."""
        ...


@runtime_checkable
class Answers(Protocol):
    """A source that answers queries of the user's own."""

    def ask(self, query: str, *, at: datetime) -> list[tuple[Labels, float]]:
        """(labels, value) of each series; raises SourceUnavailable with the reason."""
        ...


@runtime_checkable
class AnswersRanges(Protocol):
    """One that answers them for many instants in one question."""

    def ask_range(self, query: str, *, instants: Sequence[datetime]) -> list[list[tuple[Labels, float]]]:
        """What `ask` would say at each of these evenly spaced instants; raises SourceUnavailable."""
        ...


@runtime_checkable
class Historical(Protocol):
    """A source that gives many past readings in few questions."""

    def read_range(self, instants: Sequence[datetime]) -> Iterator[Reading]:
        """A reading for each of these evenly spaced instants, oldest first; raises SourceUnavailable where it breaks off."""
        ...


def without_credentials(url: str) -> str:
    """As it may stand in a log or on a page: http://me:secret@prometheus:9090 is http://prometheus:9090."""
    parts = urlsplit(url)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()
