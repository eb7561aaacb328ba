"""The values of the SLO page. Pure. None is "no data", never 0."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from incidents.screens.queries.costs import Cost


@dataclass(frozen=True, slots=True)
class Choice:
    """What the page is narrowed to; it lives in the address."""

    service: str = ""
    range: str = "30d"

    def address(self, *, service: str | None = None, range: str | None = None) -> str:  # noqa: A002 - the name in the address
        """The same page with one choice changed."""
        return f"/dash/slo/?service={self.service if service is None else service}&range={self.range if range is None else range}"


@dataclass(frozen=True, slots=True)
class ObjectiveRow:
    """One objective: ratios 0..1, `left` below 0 when overspent; `burn_down` is (time, ratio left)."""

    service: str
    slug: str
    title: str
    target: Decimal
    attained: float | None
    left: float | None
    bad: float | None
    total: float | None
    kind: str
    word: str
    burn_down: tuple[tuple[datetime, float | None], ...]


@dataclass(frozen=True, slots=True)
class SloReport:
    """Everything the page shows."""

    choice: Choice
    services: tuple[str, ...]
    start: datetime
    end: datetime
    objectives: tuple[ObjectiveRow, ...]
    incidents: tuple[Cost, ...]
