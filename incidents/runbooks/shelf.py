"""Which runbook is taken, and how long ago anybody worked by it. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

from incidents.runbooks.format import Runbook

UNEXPLAINED = "unexplained"
#: A runbook that nobody worked by for so long says so.
STALE_AFTER = timedelta(days=90)
SHIPPED = "shipped"


@dataclass(frozen=True, slots=True)
class Book:
    """A runbook with where it came from; `version` is None for one that ships."""

    runbook: Runbook
    text: str
    origin: str = SHIPPED
    version: int | None = None
    at: datetime | None = None
    by: str = ""

    @property
    def own(self) -> bool:
        return self.origin != SHIPPED


@dataclass(frozen=True, slots=True)
class Use:
    """When somebody last worked by a runbook in an incident, and in a drill; None: never here."""

    used_at: datetime | None = None
    drilled_at: datetime | None = None


def choose(*, books: Mapping[str, Book], leaf: str, named: str = "") -> Book:
    """The runbook for a leaf: one's own of that name, one's own that matches it, the one the tree names, the shipped one of that
    name, any that matches, else the one for what is unexplained."""
    own = {slug: book for slug, book in books.items() if book.own}
    found = own.get(leaf) or _matching(own, leaf) or books.get(named) or books.get(leaf) or _matching(books, leaf)
    return found or books[UNEXPLAINED]


def _matching(books: Mapping[str, Book], leaf: str) -> Book | None:
    return next((books[slug] for slug in sorted(books) if leaf in books[slug].runbook.matches), None)


def for_objective(*, books: Mapping[str, Book], indicator: str) -> Book | None:
    """The runbook for objectives of this kind, one's own first; None where there is none."""
    ordered = sorted(books.values(), key=lambda book: (not book.own, book.runbook.slug))
    return next((book for book in ordered if indicator in book.runbook.objectives), None)


def drilled_at(*, book: Runbook, use: Use) -> datetime | None:
    """The last drill known of: played here, or told by the runbook's own front matter."""
    known = [use.drilled_at, _midnight(book.last_drilled)]
    return max((at for at in known if at is not None), default=None)


def stale(*, book: Runbook, use: Use, now: datetime) -> str:
    """ "" while somebody worked by it in the last 90 days, else how long nobody has: "not drilled or used for 120 days"."""
    last = max((at for at in (use.used_at, drilled_at(book=book, use=use)) if at is not None), default=None)
    if last is None:
        return "never drilled or used"
    return "" if now - last <= STALE_AFTER else f"not drilled or used for {(now - last).days} days"


def _midnight(day: date | None) -> datetime | None:
    return datetime.combine(day, time(0), UTC) if day is not None else None
