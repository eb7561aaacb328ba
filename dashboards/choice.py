"""What a dashboard is narrowed to. It lives in the address, so that who opens a link sees what its sender saw. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Final
from urllib.parse import urlencode

RANGES: Final[Mapping[str, timedelta]] = {
    "1d": timedelta(days=1),
    "7d": timedelta(days=7),
    "30d": timedelta(days=30),
    "90d": timedelta(days=90),
    "400d": timedelta(days=400),
}
RANGE_NAMES: Final = {"1d": "1 day", "7d": "7 days", "30d": "30 days", "90d": "90 days", "400d": "400 days"}
#: How a sentence says the range.
RANGE_WORDS: Final = {
    "1d": "in the last day",
    "7d": "in the last 7 days",
    "30d": "this month",
    "90d": "in the last 90 days",
    "400d": "in the last 400 days",
}
USUAL: Final = "30d"
#: The steps of a chart over the range, and what one is called.
STEPS: Final[Mapping[str, tuple[timedelta, str]]] = {
    "1d": (timedelta(hours=2), "2 hours"),
    "7d": (timedelta(days=1), "day"),
    "30d": (timedelta(days=1), "day"),
    "90d": (timedelta(days=7), "week"),
    "400d": (timedelta(days=28), "4 weeks"),
}


@dataclass(frozen=True, slots=True)
class Choice:
    """The page, the service ("" is all of them), the range, and what a page lets one choose besides."""

    page: str = "slo"
    service: str = ""
    range: str = USUAL
    view: str = ""
    #: What else the address gives of what the page asks for: (("p95_ms", "250"),).
    more: tuple[tuple[str, str], ...] = ()

    def asked(self, name: str) -> str:
        return dict(self.more).get(name, "")

    @property
    def span(self) -> timedelta:
        return RANGES[self.range]

    @property
    def step(self) -> timedelta:
        return STEPS[self.range][0]

    @property
    def step_name(self) -> str:
        """'day', for the unit of an axis: requests per day."""
        return STEPS[self.range][1]

    @property
    def when(self) -> str:
        """'in the last 7 days', as the end of a sentence."""
        return RANGE_WORDS[self.range]

    @property
    def query(self) -> str:
        """'service=chat&range=7d'"""
        given = {"service": self.service, "range": self.range}
        return urlencode({**given, **({"view": self.view} if self.view else {}), **dict(self.more)})

    @property
    def address(self) -> str:
        return f"/dash/{self.page}/?{self.query}"

    @property
    def csv_address(self) -> str:
        return f"/dash/{self.page}.csv?{self.query}"

    def but(
        self,
        *,
        page: str | None = None,
        service: str | None = None,
        range: str | None = None,  # noqa: A002 - the name in the address
        view: str | None = None,
    ) -> Choice:
        """The same with some of it changed; on another page there is another view."""
        page_after = self.page if page is None else page
        return replace(
            self,
            page=page_after,
            service=self.service if service is None else service,
            range=self.range if range is None else range,
            view=(self.view if page_after == self.page else "") if view is None else view,
            more=self.more if page_after == self.page else (),
        )


def chosen(*, page: str, given: Mapping[str, str], asks: Sequence[str] = ()) -> Choice:
    """From the address; what is not understood, and not among what the page `asks`, is left out."""
    wanted = given.get("range", "")
    return Choice(
        page=page,
        service=_plain(given.get("service", "")),
        range=wanted if wanted in RANGES else USUAL,
        view=_plain(given.get("view", "")),
        more=tuple((name, _plain(given[name])) for name in asks if given.get(name)),
    )


def _plain(text: str) -> str:
    return text[:200].replace("\x00", "")
