"""Where a contract stands on a day: use, bill, forecast, thresholds that were reached. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal

from observability.core import words
from sloengine.cost.contracts.bill import Bill, bill, break_even_ratio, cents
from sloengine.cost.contracts.burndown import BurnDown, State, burn_down
from sloengine.cost.contracts.terms import THRESHOLDS, Span, Terms, span_at, spans


@dataclass(frozen=True, slots=True)
class Use:
    """Tokens by local day. `unsplit`: tokens of the scope whose class nobody said, where the contract counts some classes only."""

    days: Mapping[date, int]
    unsplit: int = 0


@dataclass(frozen=True, slots=True)
class Standing:
    """`projected` is the bill of the whole period at the pace so far, between `at_least` and `at_most`; None without a forecast."""

    terms: Terms
    span: Span
    today: date
    burn: BurnDown
    bill: Bill
    projected: Bill | None
    at_least: Bill | None
    at_most: Bill | None
    unsplit: int

    @property
    def tokens(self) -> int:
        return self.bill.tokens

    @property
    def ratio(self) -> Decimal:
        return Decimal(self.tokens) / self.terms.commitment_tokens

    @property
    def reached(self) -> list[Decimal]:
        """The thresholds that were reached: exactly, 38.4 B of 48 B are 80 %."""
        return [one for one in THRESHOLDS if self.tokens >= one * self.terms.commitment_tokens]

    @property
    def past_cap(self) -> bool:
        return self.tokens > self.terms.cap_tokens

    @property
    def elapsed_ratio(self) -> float:
        return min(max((self.today - self.span.first).days + 1, 0), self.span.days) / self.span.days

    @property
    def kind(self) -> str:
        """The state's shape: burn beyond the commitment, warn where it will be, ok within."""
        if self.tokens >= self.terms.commitment_tokens:
            return "burn"
        if self.reached or self.burn.reached_on is not None:
            return "warn"
        return "ok"

    @property
    def word(self) -> str:
        if self.past_cap:
            return "past the cap"
        return {"burn": "overage", "warn": "runs out"}.get(self.kind, "within")


def stand(terms: Terms, *, today: date, use: Use) -> Standing | None:
    """The standing in the period of `today`, or in the last one where the term is over; None before it begins."""
    periods = spans(terms)
    span = span_at(terms, today) or (periods[-1] if today > terms.ends_on else None)
    if span is None:
        return None
    since = max(span.first, terms.counted_from or span.first)
    carried = (
        terms.carried_tokens if terms.counted_from is not None and span.first <= terms.counted_from <= span.last else 0
    )
    within = {day: float(tokens) for day, tokens in use.days.items() if since <= day <= span.last}
    burn = burn_down(
        days=within,
        before={day: float(tokens) for day, tokens in use.days.items() if day < since},
        carried=float(carried),
        first=since,
        last=span.last,
        today=today,
        limit=float(terms.commitment_tokens),
    )
    tokens = carried + sum(amount for day, amount in use.days.items() if since <= day <= span.last)
    end = burn.end
    projected = [None if end is None else bill(terms, tokens=max(round(one), tokens)) for one in _three(burn)]
    return Standing(
        terms, span, today, burn, bill(terms, tokens=tokens), projected[1], projected[0], projected[2], use.unsplit
    )


def _three(burn: BurnDown) -> tuple[float, float, float]:
    end = burn.end
    return (0.0, 0.0, 0.0) if end is None else (end.low, end.middle, end.high)


def history_from(terms: Terms, *, today: date) -> date:
    """The first day whose use a standing asks for: the period's, or so far back as the pace is learnt from."""
    span = span_at(terms, today) or spans(terms)[-1]
    return min(span.first, today - timedelta(days=56))


# ---- in words -----------------------------------------------------------------------------------------------------


def tokens_said(amount: float) -> str:
    """48,000,000,000 is '48 B', 5,230,000 is '5.23 M'."""
    for size, letter in ((1e9, " B"), (1e6, " M"), (1e3, " k")):
        if abs(amount) >= size:
            return f"{amount / size:,.2f}".rstrip("0").rstrip(".") + letter
    return f"{amount:,.0f}"


def usd_said(amount: Decimal | None, currency: str = "USD") -> str:
    """To the cent: 6240000 is '6,240,000.00 USD'."""
    return "unknown" if amount is None else f"{cents(amount):,} {currency}"


def day_said(day: date) -> str:
    return f"{day.day} {day:%b %Y}"


def headline(standing: Standing) -> str:
    """'Acme 2026 has used 29.36 B of 48 B tokens (61.2 %), with 54 % of its year gone.'"""
    terms = standing.terms
    whole = tokens_said(terms.commitment_tokens)
    return (
        f"{terms.name} has used {tokens_said(standing.tokens)} of {whole} tokens ({words.percent(standing.ratio)}),"
        f" with {words.percent(standing.elapsed_ratio, 0)} of its {terms.period} gone."
    )


def outlook(standing: Standing) -> str:
    """When the commitment is used up, or that it is not, and what is owed then."""
    burn, terms = standing.burn, standing.terms
    if standing.past_cap:
        return f"The cap of {tokens_said(terms.cap_tokens)} is passed: each 1,000 tokens more cost {terms.rate_beyond} {terms.currency}."
    if standing.tokens >= terms.commitment_tokens:
        return (
            f"The commitment was used up on {day_said(burn.reached_on) if burn.reached_on else 'a day before this was counted'}:"
            f" each 1,000 tokens cost {terms.overage_rate} {terms.currency} up to the cap of {tokens_said(terms.cap_tokens)}."
        )
    if burn.state is not State.KNOWN:
        return f"{burn.state.value[0].upper()}{burn.state.value[1:]}."
    if burn.reached_on is not None:
        earliest = f"{day_said(burn.earliest)} at the earliest, " if burn.earliest else ""
        latest = f"{day_said(burn.latest)} at the latest" if burn.latest else "perhaps not at all"
        return f"At this pace it is used up on {day_said(burn.reached_on)} ({earliest}{latest})."
    if standing.projected is None or burn.end is None:
        return ""
    share = Decimal(standing.projected.tokens) / terms.commitment_tokens
    unused = terms.commitment_tokens - standing.projected.tokens
    paid = f": {tokens_said(unused)} tokens are paid and not used" if terms.shortfall_paid and unused > 0 else ""
    maybe = f" If more is used than expected, on {day_said(burn.earliest)}." if burn.earliest else ""
    return f"At this pace {words.percent(share)} of it is used by {day_said(standing.span.last)}{paid}.{maybe}"


def break_even_said(terms: Terms) -> str:
    ratio = break_even_ratio(terms)
    if ratio is None:
        return "no use makes it cheaper or dearer than on demand"
    return f"{words.percent(ratio)} of the commitment, {tokens_said(float(ratio * terms.commitment_tokens))} tokens"
