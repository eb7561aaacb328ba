"""The list of objectives: what is asked of it, and what it answers. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from urllib.parse import urlencode

from sloengine.screens.page import SloRow, table_headline, table_rest

PAGE = 50
SORTS = {"worst": "Worst first", "service": "By service", "title": "By name", "target": "Strictest first"}
STATES = {"": "Any state", "burning": "Burning", "spent": "At a step of the policy"}


@dataclass(frozen=True, slots=True)
class Filters:
    """`page` counts from 1; words that are unknown are as if they were not asked."""

    service: str = ""
    indicator: str = ""
    state: str = ""
    q: str = ""
    sort: str = "worst"
    page: int = 1

    @property
    def narrow(self) -> bool:
        return bool(self.service or self.indicator or self.state or self.q)

    def at(self, page: int) -> str:
        """The address of another page of the same list."""
        given = {"service": self.service, "indicator": self.indicator, "state": self.state, "q": self.q,
                 "sort": "" if self.sort == "worst" else self.sort, "page": str(page) if page > 1 else ""}  # fmt: skip
        return urlencode({key: value for key, value in given.items() if value})


def filters(asked: Mapping[str, str]) -> Filters:
    """From an address: ?service=chat&sort=target&page=3."""
    page = asked.get("page", "1")
    found = Filters(
        service=asked.get("service", "")[:100], indicator=asked.get("indicator", "")[:20], q=asked.get("q", "").strip()[:100],
        page=max(int(page), 1) if page.isdecimal() and len(page) < 7 else 1,
    )  # fmt: skip
    state, sort = asked.get("state", ""), asked.get("sort", "worst")
    return replace(found, state=state if state in STATES else "", sort=sort if sort in SORTS else "worst")


@dataclass(frozen=True, slots=True)
class SloList:
    """One page of it. `burning` and `number` are of all that fits, not of the page."""

    filters: Filters
    services: tuple[str, ...]
    indicators: tuple[tuple[str, str], ...]
    rows: tuple[SloRow, ...]
    number: int
    burning: int

    @property
    def pages(self) -> int:
        return max(-(-self.number // PAGE), 1)

    @property
    def newer(self) -> str | None:
        return f"?{self.filters.at(self.filters.page - 1)}" if self.filters.page > 1 else None

    @property
    def older(self) -> str | None:
        return f"?{self.filters.at(self.filters.page + 1)}" if self.filters.page < self.pages else None

    @property
    def headline(self) -> str:
        if self.number == len(self.rows) and not self.filters.narrow:
            return table_headline(self.rows)
        if not self.number:
            return "No objective fits."
        noun = "objective" if self.number == 1 else "objectives"
        if self.burning:
            return f"{self.burning:,} of {self.number:,} {noun} {'is' if self.burning == 1 else 'are'} burning."
        return f"{self.number:,} {noun}, and none is burning."

    @property
    def rest(self) -> str:
        if self.pages == 1:
            return table_rest(self.rows)
        first = (self.filters.page - 1) * PAGE + 1
        return f"{first:,} to {first + len(self.rows) - 1:,} are shown."

    @property
    def sorts(self) -> tuple[tuple[str, str], ...]:
        return tuple(SORTS.items())

    @property
    def states(self) -> tuple[tuple[str, str], ...]:
        return tuple(STATES.items())


@dataclass(frozen=True, slots=True)
class WhatIf:
    """The same measurements held against another promise; ratios as in a budget, None where nothing is known."""

    target: str  # in percent, as it stands in the field
    days: str
    spent: float | None
    left: float | None
    allowed: float | None
    bad: float
    unit: str
    notice: str
    problem: str = ""
