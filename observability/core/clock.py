"""The only clock. Edges ask it once and pass `now` down; the virtual driver and tests set it.

>>> with frozen(datetime(2026, 1, 5, 9, 0, tzinfo=UTC)):
...     now().isoformat()
'2026-01-05T09:00:00+00:00'
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

_set_to: datetime | None = None


def now() -> datetime:
    """The present instant, aware and in UTC; the virtual instant while one is set."""
    return _set_to if _set_to is not None else datetime.now(UTC)


def is_set() -> bool:
    """Whether time is virtual: it moves only when somebody sets it."""
    return _set_to is not None


def set_to(at: datetime | None) -> None:
    """Stop the clock at `at`, or let it run again with None. For this process, all threads."""
    global _set_to
    if at is not None and at.tzinfo is None:
        raise ValueError(f"the clock needs an aware datetime, found {at!r}")
    _set_to = at.astimezone(UTC) if at is not None else None


@contextmanager
def frozen(at: datetime) -> Iterator[None]:
    """Hold the clock at `at` inside the block."""
    before = _set_to
    set_to(at)
    try:
        yield
    finally:
        set_to(before)
