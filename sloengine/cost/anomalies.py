"""A tenant's use against what is usual for it. Pure.

Judged on the tenant's tokens relative to the tokens of all others, five minutes at a time: the diurnal curve and a spike of the
whole service move both and cancel out. The usual level is the median of the log ratio over the last hours, its noise the
median absolute deviation. Whether a departure is large enough to matter (USD per hour) is a question apart from whether it is
one. The driver is named by splitting the change: tokens = requests x tokens per request, spend = tokens x price.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

import numpy as np


class CostReason(StrEnum):
    DEPARTED = "its use has departed from its usual level"
    USUAL = "its use is usual"
    IMMATERIAL = "the departure is too small to matter"
    LITTLE_HISTORY = "there is too little history"
    STOPPED = "it uses nothing while others do"
    NO_DATA = "there is no data"


class Driver(StrEnum):
    REQUESTS = "requests"
    TOKENS_PER_REQUEST = "tokens per request"
    PRICE = "price per token"


@dataclass(frozen=True, slots=True)
class Rules:
    """Defaults for five-minute buckets. A factor of 2 over the usual level at a noise of 10 % is 4.7 noises."""

    recent_buckets: int = 2
    least_history: int = 3
    noises: float = 5.0  # how many MADs (scaled to standard deviations) above the median
    least_noise: float = 0.12  # of the log ratio: even a steady tenant moves by 12 %
    least_factor: float = 1.8
    least_growth: float = 1.25  # of its own tokens: that others use less is no excess of this one
    least_usd_per_hour: float = 5.0
    least_tokens_per_hour: float = 50_000.0  # where no price is known


@dataclass(frozen=True, slots=True)
class Bucket:
    """What one tenant and all others used in five minutes."""

    tokens: float
    requests: float
    others_tokens: float
    others_requests: float


@dataclass(frozen=True, slots=True)
class Departure:
    """Factors are now over before: 8.0 is eight times. `usd_*` are None where no price is known."""

    reason: CostReason
    factor: float | None = None
    noises: float | None = None
    tokens_per_hour_now: float = 0.0
    tokens_per_hour_before: float = 0.0
    usd_per_hour_now: float | None = None
    usd_per_hour_before: float | None = None
    requests_ratio: float | None = None
    tokens_per_request_ratio: float | None = None
    price_ratio: float | None = None
    driver: Driver | None = None

    @property
    def departed(self) -> bool:
        return self.reason is CostReason.DEPARTED


def judge(
    *, history: Sequence[Bucket], recent: Sequence[Bucket], bucket_seconds: int, usd_per_1k: float | None,
    usd_per_1k_before: float | None = None, rules: Rules | None = None,
) -> Departure:  # fmt: skip
    """Whether the recent buckets depart upwards from the history, and which factor drives it.

    A tenant whose generations grow eight times as long at the same number of requests: factor 8, driver tokens per request.
    """
    rules = rules or Rules()
    busy = [bucket for bucket in history if bucket.tokens > 0 and _others(bucket) > 0]
    now = _sum(recent)
    if now.tokens <= 0 and now.others_tokens > 0:
        return Departure(CostReason.STOPPED)
    if now.tokens <= 0 or _others(now) <= 0:
        return Departure(CostReason.NO_DATA)
    if len(busy) < rules.least_history:
        return Departure(CostReason.LITTLE_HISTORY)
    usual = np.array([math.log(bucket.tokens / _others(bucket)) for bucket in busy])
    level = float(np.median(usual))
    noise = max(1.4826 * float(np.median(np.abs(usual - level))), rules.least_noise, _chance(busy, now))
    factor = now.tokens / _others(now) / math.exp(level)
    noises = math.log(factor) / noise
    found = _figures(busy, now, len(recent), factor, noises, bucket_seconds, usd_per_1k, usd_per_1k_before)
    grown = now.tokens / len(recent) >= rules.least_growth * float(np.median([bucket.tokens for bucket in busy]))
    if noises < rules.noises or factor < rules.least_factor or not grown:
        return replace(found, reason=CostReason.USUAL)
    return replace(found, reason=CostReason.DEPARTED if _matters(found, rules) else CostReason.IMMATERIAL)


def _chance(history: Sequence[Bucket], now: Bucket) -> float:
    """The noise that few requests make by themselves: the log of a sum of n long-tailed generations moves by about 1.5 / sqrt(n)."""
    return 1.5 / math.sqrt(max(min(now.requests, sum(bucket.requests for bucket in history)), 1.0))


def _figures(
    history: Sequence[Bucket], now: Bucket, buckets: int, factor: float, noises: float, bucket_seconds: int,
    usd_per_1k: float | None, usd_per_1k_before: float | None,
) -> Departure:  # fmt: skip
    """Before is what the tenant would use now at its usual share, so that the time of day is no part of the change."""
    per_hour = 3600 / (bucket_seconds * buckets)
    tokens_now = now.tokens * per_hour
    tokens_before = tokens_now / factor
    before_price = usd_per_1k_before if usd_per_1k_before is not None else usd_per_1k
    size_before = float(
        np.median([bucket.tokens / bucket.requests for bucket in history if bucket.requests > 0] or [math.nan])
    )
    # Tokens of requests that have not ended yet have no size: None, since NaN cannot be stored.
    size_ratio = now.tokens / now.requests / size_before if now.requests > 0 and size_before > 0 else None
    price_ratio = usd_per_1k / before_price if usd_per_1k is not None and before_price else None
    requests_ratio = factor / size_ratio if size_ratio else None
    return Departure(
        reason=CostReason.USUAL,
        factor=factor,
        noises=noises,
        tokens_per_hour_now=tokens_now,
        tokens_per_hour_before=tokens_before,
        usd_per_hour_now=tokens_now * usd_per_1k / 1000 if usd_per_1k is not None else None,
        usd_per_hour_before=tokens_before * before_price / 1000 if before_price is not None else None,
        requests_ratio=requests_ratio,
        tokens_per_request_ratio=size_ratio,
        price_ratio=price_ratio,
        driver=_driver(requests_ratio, size_ratio, price_ratio),
    )


def _driver(requests: float | None, size: float | None, price: float | None) -> Driver | None:
    """The factor that moved most, on the log scale on which they add up."""
    factors = {Driver.REQUESTS: requests, Driver.TOKENS_PER_REQUEST: size, Driver.PRICE: price}
    known = {driver: math.log(factor) for driver, factor in factors.items() if factor is not None and factor > 0}
    return max(known, key=lambda driver: known[driver], default=None)


def _matters(found: Departure, rules: Rules) -> bool:
    if found.usd_per_hour_now is not None and found.usd_per_hour_before is not None:
        return found.usd_per_hour_now - found.usd_per_hour_before >= rules.least_usd_per_hour
    return found.tokens_per_hour_now - found.tokens_per_hour_before >= rules.least_tokens_per_hour


def _others(bucket: Bucket) -> float:
    """A service of one tenant has no others; its requests then stand in, so that a spike in requests cancels out too."""
    return bucket.others_tokens if bucket.others_tokens > 0 else bucket.requests


def _sum(buckets: Sequence[Bucket]) -> Bucket:
    return Bucket(
        tokens=sum(bucket.tokens for bucket in buckets),
        requests=sum(bucket.requests for bucket in buckets),
        others_tokens=sum(bucket.others_tokens for bucket in buckets),
        others_requests=sum(bucket.others_requests for bucket in buckets),
    )


@dataclass(frozen=True, slots=True)
class MixShift:
    """How far the tenants' shares of requests moved: 0 not at all, 1 altogether."""

    shifted: bool
    distance: float | None
    gained: str | None  # the tenant whose share grew most
    share_before: float = 0.0
    share_now: float = 0.0


#: A fifth of the requests come from elsewhere.
LEAST_DISTANCE = 0.2
LEAST_REQUESTS = 200.0


def mix_shift(
    *, before: Mapping[str, float], now: Mapping[str, float], least_distance: float = LEAST_DISTANCE
) -> MixShift:
    """Total variation distance between two mixes of requests by tenant: (0.5, 0.5) to (0.8, 0.2) is 0.3."""
    total_before, total_now = sum(before.values()), sum(now.values())
    if total_before < LEAST_REQUESTS or total_now < LEAST_REQUESTS:
        return MixShift(False, None, None)
    shares = {name: (before.get(name, 0.0) / total_before, now.get(name, 0.0) / total_now) for name in {*before, *now}}
    distance = sum(abs(after - earlier) for earlier, after in shares.values()) / 2
    gained = max(sorted(shares), key=lambda name: shares[name][1] - shares[name][0])
    return MixShift(distance >= least_distance, distance, gained, *shares[gained])
