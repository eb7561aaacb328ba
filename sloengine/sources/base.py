"""What a source of readings is. What it raises:

SourceUnavailable    nothing can be read now: the reason, in a sentence for the person on call
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol, runtime_checkable
from urllib.parse import urlsplit

from probes.exposition import Labels, Series


class SourceUnavailable(Exception):
    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


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


def without_credentials(url: str) -> str:
    """As it may stand in a log or on a page: http://me:secret@prometheus:9090 is http://prometheus:9090."""
    parts = urlsplit(url)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()
