"""What a question needs and what an answer is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Query:
    """Where a number came from: enough to ask for it again."""

    family: str
    start: datetime
    end: datetime
    where: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Answer:
    """A signal's value over a window, or None with the reason why nobody can tell.

    `detail` says what stands behind the value ("from 42 to 97 requests/s"); `sentence` replaces the vocabulary's own.
    """

    value: float | None
    window_seconds: int = 0
    reason: str = ""
    detail: str = ""
    sentence: str = ""
    query: Query | None = None
    facts: Mapping[str, str] = field(default_factory=dict)


def cannot_tell(reason: str, query: Query | None = None) -> Answer:
    return Answer(value=None, reason=reason, query=query)


@dataclass(frozen=True, slots=True)
class Evidence:
    """One number beside the threshold it was held against, in plain words. `met` is None for "cannot tell"
    and for a number that is only shown."""

    signal: str
    value: float | None
    unit: str
    threshold: str
    met: bool | None
    window_seconds: int
    sentence: str
    query: Query | None
