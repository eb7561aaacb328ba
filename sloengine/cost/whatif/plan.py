"""What serves today, and what is changed. Pure; shares are fractions, so that 4/7 stays 4/7.

    4/7 of the tokens at 16-bit for 0.11, 3/7 at full precision for 0.18: 0.14 USD per 1,000
    35 points out of full precision to 8-bit at 0.065:                   0.09975 (-28.75 %)
    35 points out of all tiers as they are:                              0.11375 (-18.75 %)
    35 points out of 16-bit:                                             0.12425 (-11.25 %)

Where requests are moved and not tokens, tokens follow by measured tokens per request: long requests move more.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from decimal import Decimal
from fractions import Fraction

PRO_RATA = ""
TOKENS, REQUESTS = "tokens", "requests"


class BadPlan(ValueError):
    """A plan that cannot be: the message names what was found and expected."""


@dataclass(frozen=True, slots=True)
class Tier:
    """One variant that can serve: its part of today's tokens, its price (None: unknown), what a request of it weighs (None: as any
    other), its measured answer quality, 0..1, and mean latency."""

    name: str
    share: Fraction
    usd_per_1k: Fraction | None
    tokens_per_request: Fraction | None = None
    quality: float | None = None
    latency_ms: float | None = None


@dataclass(frozen=True, slots=True)
class Prompts:
    """What of the tokens is prompt, how much of that the cache holds, and what a thousand of them cost beside the mean.

    `input_usd`, `cached_usd`: USD per 1,000 prompt tokens, missed and held; None where the price list does not tell them apart.
    """

    share: Fraction = Fraction(0)
    hit_ratio: Fraction = Fraction(0)
    input_usd: Fraction | None = None
    cached_usd: Fraction | None = None
    #: The part of the mean latency that is reading prompts; None: not known.
    prefill_share: Fraction | None = None


@dataclass(frozen=True, slots=True)
class Fleet:
    """Replicas, what one costs a month, and where they stand on the curve."""

    replicas: int | None = None
    usd_per_replica_month: Fraction | None = None


@dataclass(frozen=True, slots=True)
class Commitment:
    """Tokens a month that are paid whether used or not, at a rate; whatever is beyond at the tiers' own prices."""

    tokens: int
    rate: Fraction


@dataclass(frozen=True, slots=True)
class Now:
    """What serves: tokens a month, the tiers (their shares add up to 1), prompts, fleet, mean latency."""

    tokens: Fraction
    tiers: tuple[Tier, ...]
    prompts: Prompts = Prompts()
    fleet: Fleet = Fleet()
    latency_ms: float | None = None

    def tier(self, name: str) -> Tier:
        found = next((one for one in self.tiers if one.name == name), None)
        if found is None:
            raise BadPlan(f"tier: found {name!r}, expected one of {', '.join(one.name for one in self.tiers)}")
        return found

    @property
    def usd_per_1k(self) -> Fraction | None:
        """The mean price of a thousand tokens; None as soon as a tier in use has none."""
        used = [one for one in self.tiers if one.share]
        if not used or any(one.usd_per_1k is None for one in used):
            return None
        return sum((one.share * (one.usd_per_1k or Fraction(0)) for one in used), Fraction(0))


@dataclass(frozen=True, slots=True)
class Change:
    """What is tried. `move` is a part of all tokens (or of all requests: `moved`) that goes from `source` ("": of every tier as it
    is) to `target`; of one tag where `tag_share` is its part of the tokens. Ratios: traffic 2 is doubled; `prompt_cut` 0.2 is a fifth
    fewer prompt tokens; `cache_gain` 0.1 lifts a hit ratio of 0.3 to 0.4."""

    traffic: Fraction = Fraction(1)
    move: Fraction = Fraction(0)
    moved: str = TOKENS
    source: str = PRO_RATA
    target: str = ""
    tag_share: Fraction = Fraction(1)
    cache_gain: Fraction = Fraction(0)
    prompt_cut: Fraction = Fraction(0)
    replicas: int = 0
    commitment: Commitment | None = None
    own: Own | None = None


@dataclass(frozen=True, slots=True)
class Own:
    """A fleet of one's own instead of a provider: what a replica carries and costs."""

    tokens_per_second: Fraction
    usd_per_replica_month: Fraction
    #: The most used hour beside the mean one, and how full a replica may be.
    peak: Fraction = Fraction(2)
    fill: Fraction = Fraction(7, 10)


@dataclass(frozen=True, slots=True)
class Constraints:
    """What must hold. None: not asked. `floor` is the least quality of the target; `allowed`: the tiers that may serve the tag, by
    policy or law; empty: any."""

    latency_ms: float | None = None
    usd_per_1k: Fraction | None = None
    floor: float | None = None
    allowed: tuple[str, ...] = field(default=())


def routed(now: Now, change: Change) -> tuple[Tier, ...]:
    """The tiers after a share was moved. Raises BadPlan where more is moved than the source serves."""
    if not change.move:
        return now.tiers
    target = now.tier(change.target)
    tokens = moved_tokens(now, change)
    taken = _taken(now, change, tokens)
    after = []
    for tier in now.tiers:
        gained = tokens if tier.name == target.name else Fraction(0)
        after.append(replace(tier, share=tier.share - taken.get(tier.name, Fraction(0)) + gained))
    return tuple(after)


def moved_tokens(now: Now, change: Change) -> Fraction:
    """The part of all tokens that moves: of a tag with a third of the tokens, 30 points are a tenth of all.

    Requests become tokens by what they weigh: a tier whose requests are half as long as the mean gives half the tokens.
    """
    share = change.move * change.tag_share
    if change.moved == TOKENS or change.source == PRO_RATA:
        return share
    weights = {one.name: one.tokens_per_request for one in now.tiers if one.share}
    if any(weight is None for weight in weights.values()) or change.source not in weights:
        raise BadPlan("moved: found requests, expected tokens: tokens per request are not known of every tier")
    requests = sum((one.share / (one.tokens_per_request or Fraction(1)) for one in now.tiers if one.share), Fraction(0))
    mean = 1 / requests
    return share * (weights[change.source] or Fraction(1)) / mean


def _taken(now: Now, change: Change, tokens: Fraction) -> dict[str, Fraction]:
    if change.source == PRO_RATA:
        if tokens > 1:
            raise BadPlan(f"move: found {said(tokens)} of the tokens, expected at most all of them")
        return {one.name: one.share * tokens for one in now.tiers}
    source = now.tier(change.source)
    if tokens > source.share:
        raise BadPlan(
            f"move: found {said(tokens)} of the tokens, expected at most the {said(source.share)} that {source.name} serves"
        )
    return {source.name: tokens}


def said(share: Fraction) -> str:
    """3/7 is '42.9 %'."""
    return f"{float(share) * 100:.1f}".removesuffix(".0") + " %"


def decimal(value: Fraction) -> Decimal:
    """To 28 digits: exact wherever an amount of money is."""
    return Decimal(value.numerator) / Decimal(value.denominator)
