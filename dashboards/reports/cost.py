"""Cost: what does a thousand tokens cost us, and who spends it? Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Final

from dashboards.choice import Choice
from dashboards.reports.executive import Money, money_sentence
from observability.core import words

#: What spend is broken down by, by its name in the address.
VIEWS: Final[Mapping[str, str]] = {
    "tenant": "Tenant",
    "service": "Service",
    "variant": "Variant",
    "tag": "Tag",
    "region": "Region",
    "hardware": "Hardware",
}
NOBODY: Final = "unknown"


@dataclass(frozen=True, slots=True)
class Part:
    """One of what spend is broken down by: `usd` is what is priced, `unpriced` tokens without a price."""

    name: str
    requests: int
    answered: int
    tokens: int
    unpriced: int
    usd: Decimal

    @property
    def per_1k(self) -> Decimal | None:
        return self.usd * 1000 / (self.tokens - self.unpriced) if self.tokens > self.unpriced else None

    @property
    def per_answer(self) -> Decimal | None:
        """USD of an answered request, which carries those that failed: $10 for 80 of 100 are $0.125."""
        return self.usd / self.answered if self.answered and self.tokens > self.unpriced else None


@dataclass(frozen=True, slots=True)
class CostReport:
    """`parts` spend most first; `hardware` is hardware time at its price, None where none is known."""

    choice: Choice
    services: tuple[str, ...]
    start: datetime
    end: datetime
    money: Money
    whole: Part
    parts: tuple[Part, ...]
    hardware: Decimal | None

    def share(self, part: Part) -> float | None:
        return float(part.usd / self.whole.usd) if self.whole.usd else None


def headline(report: CostReport) -> str:
    """'1,000 tokens cost $0.089, and acme spends 41 % of it.'"""
    if report.money.tokens is None:
        return "Nothing was read of what serving cost."
    if report.money.usd is None:
        return "What serving cost is unknown: nothing has a price."
    said = f"1,000 tokens cost {words.usd(report.money.per_1k)}"
    named = [part for part in report.parts if part.name != NOBODY]
    if len(report.parts) < 2 or not named or not report.whole.usd:
        return f"{said}."
    return f"{said}, and {named[0].name} spends {words.percent(report.share(named[0]), 0)} of it."


def lead(report: CostReport) -> str:
    if report.money.tokens is None:
        return "Use is counted from the gateway's or the engines' tokens: connect a source, or import a provider's export (manage.py cost)."
    parts = [money_sentence(report.money)]
    if report.whole.per_answer is not None:
        parts.append(f"An answered request costs {words.usd(report.whole.per_answer)}, with what failed beside it.")
    if report.hardware is not None:
        parts.append(f"Hardware time was {words.usd(report.hardware)}.")
    return " ".join(parts)


def facts(report: CostReport) -> list[tuple[str, str, str]]:
    whole, per = report.whole, report.money.per_1k
    return [
        ("Serving cost", words.usd(report.money.usd), f"{words.count(whole.tokens)} tokens"),
        ("1,000 tokens", words.usd(per), f"1,000,000: {words.usd(None if per is None else per * 1000)}"),
        ("An answered request", words.usd(whole.per_answer), f"{words.count(whole.answered)} of {words.count(whole.requests)}"),
        ("No known price", words.percent(report.money.unpriced if whole.tokens else None), f"{words.count(whole.unpriced)} tokens"),
        ("Hardware time", words.usd(report.hardware), "idle and shared included"),
    ]  # fmt: skip


def rows(report: CostReport) -> Iterable[Sequence[object]]:
    yield (report.choice.view, "requests", "answered", "tokens", "tokens without price", "USD", "USD per 1,000 tokens",
           "USD per answered request")  # fmt: skip
    for one in (*report.parts, report.whole):
        yield one.name, one.requests, one.answered, one.tokens, one.unpriced, one.usd, one.per_1k, one.per_answer
    yield ()
    yield f"{report.money.each} from", "USD"
    for at, usd in report.money.steps:
        yield at.isoformat(), usd
