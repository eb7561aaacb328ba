"""What the tokens of a period cost under a contract. Pure; Decimal, and nothing is rounded before it is shown.

48 B tokens at 0.13 USD per 1,000 are 6,240,000 USD a year. 12 B tokens a quarter cost 2.28 million on demand at 0.19 and 1.56 million
under the commitment. Below 68.4 % of the commitment on demand would have been cheaper, since the rest of it is paid unused.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Decimal

from sloengine.cost.contracts.terms import PER_TOKENS, Terms

CENT = Decimal("0.01")


@dataclass(frozen=True, slots=True)
class Line:
    """Tokens at a rate."""

    what: str
    tokens: int
    rate: Decimal

    @property
    def usd(self) -> Decimal:
        return self.tokens * self.rate / PER_TOKENS


@dataclass(frozen=True, slots=True)
class Bill:
    """`on_demand_usd`: what the same tokens would cost at the rate beyond, without any commitment."""

    tokens: int
    lines: tuple[Line, ...]
    on_demand_usd: Decimal

    @property
    def usd(self) -> Decimal:
        return sum((line.usd for line in self.lines), Decimal(0))

    @property
    def saved_usd(self) -> Decimal:
        """Against on demand; below 0 the commitment costs more than it saves."""
        return self.on_demand_usd - self.usd

    @property
    def effective_rate(self) -> Decimal | None:
        """USD per 1,000 tokens that were used, with what was paid unused: None where none was used."""
        return self.usd * PER_TOKENS / self.tokens if self.tokens else None

    def of(self, what: str) -> Line | None:
        return next((line for line in self.lines if line.what == what), None)


COMMITTED, OVERAGE, BEYOND, SHORTFALL = "committed", "overage", "beyond the cap", "paid, not used"


def bill(terms: Terms, *, tokens: int) -> Bill:
    """The bill of a period in which `tokens` were used: 52.8 B are 6.24 million committed and 0.72 million overage."""
    if tokens < 0:
        raise ValueError(f"tokens: found {tokens}, expected 0 or more")
    committed = min(tokens, terms.commitment_tokens)
    overage = max(min(tokens, terms.cap_tokens) - terms.commitment_tokens, 0)
    beyond = max(tokens - terms.cap_tokens, 0)
    unused = terms.commitment_tokens - committed if terms.shortfall_paid else 0
    lines = (
        Line(COMMITTED, committed, terms.rate),
        Line(OVERAGE, overage, terms.overage_rate),
        Line(BEYOND, beyond, terms.rate_beyond),
        Line(SHORTFALL, unused, terms.rate),
    )
    kept = tuple(line for line in lines if line.tokens or line.what == COMMITTED)
    return Bill(tokens, kept, tokens * terms.rate_beyond / PER_TOKENS)


def break_even_ratio(terms: Terms) -> Decimal | None:
    """The share of the commitment that must be used for it to cost no more than on demand: 0.13 / 0.19 is 68.4 %.

    None where it never does, or always: a shortfall that is not paid costs nothing.
    """
    if not terms.shortfall_paid or not 0 < terms.rate < terms.rate_beyond:
        return None
    return terms.rate / terms.rate_beyond


def cents(usd: Decimal) -> Decimal:
    """To the cent, half to even, as a bill says it."""
    return usd.quantize(CENT, ROUND_HALF_EVEN)
