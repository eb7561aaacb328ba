"""What serves today, as it was measured: the start of every what-if. Only reads."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from fractions import Fraction
from typing import Any

from observability.core.models import Organisation
from sloengine.catalog.models import Service
from sloengine.cost.ledger.meters import TokenClass
from sloengine.cost.ledger.models import UsageHour
from sloengine.cost.ledger.queries import Spend, spend
from sloengine.cost.whatif.curve import SIMULATED, Curve, measured
from sloengine.cost.whatif.plan import Fleet, Now, Prompts, Tier
from sloengine.cost.whatif.playbook import Waste
from sloengine.rollups import queries as rollups

#: What a month is taken from, and the days whose hours make the curve.
LOOK_BACK, CURVE_BACK, RECENT = timedelta(days=28), timedelta(days=7), timedelta(hours=1)
HOURS_PER_MONTH = 720
MOSTLY = 0.5
PROMPT = (TokenClass.INPUT, TokenClass.CACHE_READ, TokenClass.CACHE_WRITE)


@dataclass(frozen=True, slots=True)
class Measured:
    """`now` is None where no tokens were seen. `said`: where each figure comes from, in words."""

    service: str
    services: Sequence[str]
    now: Now | None
    curve: Curve
    waste: Waste
    tags: Sequence[tuple[str, float]]
    said: Sequence[str]


def look(*, organisation: Organisation, service: str, now: datetime) -> Measured:
    """Of one service; of the one that used most tokens in the last four weeks where none is named."""
    slugs = list(Service.objects.filter(organisation=organisation).order_by("slug").values_list("slug", flat=True))
    where = {"service": service} if service in slugs else None
    parts = spend(
        organisation=organisation, since=now - LOOK_BACK, until=now, by=("service", "variant", "tag"), now=now, running=False, where=where
    )  # fmt: skip
    by_service = _summed(parts, 0)
    chosen = (
        service
        if service in slugs
        else max(by_service, key=lambda slug: by_service[slug].all_tokens, default=(slugs or [""])[0])
    )
    row = Service.objects.filter(organisation=organisation, slug=chosen).first()
    whole = by_service.get(chosen)
    if row is None or whole is None or not whole.all_tokens:
        return Measured(
            chosen, slugs, None, SIMULATED, Waste(), (), ("No tokens of it were seen in the last four weeks.",)
        )
    mine = [one for one in parts if one.key[0] == chosen]
    hours = max((now - first_hour(row, now)).total_seconds() / 3600, 1.0)
    with rollups.snapshot():
        replicas = replicas_up(row, now)
        curve = measured_curve(row, now, replicas)
        latency, prefill = _latency(row, now)
        tiers = _tiers(row, list(_summed(mine, 1).values()), now)
    found = Now(
        tokens=Fraction(whole.all_tokens) * HOURS_PER_MONTH / Fraction(round(hours)),
        tiers=tiers,
        prompts=_prompts(whole, prefill),
        fleet=Fleet(replicas, replica_month(whole, hours, replicas)),
        latency_ms=latency,
    )
    tags = [(tag, one.all_tokens / whole.all_tokens) for tag, one in _summed(mine, 2).items() if tag]
    return Measured(chosen, slugs, found, curve or SIMULATED, _waste(whole), tags, _said(hours, curve, found))


def _summed(parts: Sequence[Spend], place: int) -> dict[str, Spend]:
    """By one word of their keys, the largest first."""
    found: dict[str, Spend] = {}
    for one in parts:
        had = found.get(one.key[place])
        found[one.key[place]] = Spend(
            (one.key[place],),
            one.quantities if had is None else had.quantities + one.quantities,
            one.priced if had is None else had.priced + one.priced,
        )
    return dict(sorted(found.items(), key=lambda item: (-item[1].all_tokens, item[0])))


def first_hour(service: Service, now: datetime) -> datetime:
    """Since when its use is in the ledger, at most four weeks ago."""
    rows = UsageHour.objects.filter(series__service=service, at__gte=now - LOOK_BACK).order_by("at")
    return rows.values_list("at", flat=True).first() or now - LOOK_BACK


def _tiers(service: Service, spent: Sequence[Spend], now: datetime) -> tuple[Tier, ...]:
    """One a variant; what has no name is one too. A price is known where all of its tokens have one."""
    whole = sum(one.all_tokens for one in spent)
    window: dict[str, Any] = {"service": service, "start": now - CURVE_BACK, "end": now, "by": ("version",)}
    quality = {key[0]: one.mean for key, one in rollups.gauge(family="answer_similarity_ratio", **window).items()}
    sums, counts = (rollups.increments(family=family, **window) for family in ("e2e_seconds_sum", "e2e_seconds"))
    latency = {key[0]: 1000 * sums[key] / counts[key] for key in sums if counts.get(key)}
    return tuple(
        Tier(
            name=(one.key[0] or "unnamed").replace(",", " "),
            share=Fraction(one.all_tokens, whole),
            usd_per_1k=None if one.usd is None else Fraction(one.usd) * 1000 / one.all_tokens,
            tokens_per_request=Fraction(one.all_tokens, one.requests) if one.requests else None,
            quality=quality.get(one.key[0]),
            latency_ms=latency.get(one.key[0]),
        )
        for one in spent
        if one.all_tokens
    )


def _prompts(whole: Spend, prefill: float | None) -> Prompts:
    tokens = whole.tokens
    split = whole.all_tokens - tokens.get(TokenClass.UNSPLIT, 0)
    prompt = sum(tokens.get(one, 0) for one in PROMPT)
    asked = tokens.get(TokenClass.INPUT, 0) + tokens.get(TokenClass.CACHE_READ, 0)
    if not split or not prompt:
        return Prompts()
    return Prompts(
        share=Fraction(prompt, split),
        hit_ratio=Fraction(tokens.get(TokenClass.CACHE_READ, 0), asked) if asked else Fraction(0),
        input_usd=_rate(whole, TokenClass.INPUT),
        cached_usd=_rate(whole, TokenClass.CACHE_READ),
        prefill_share=None if prefill is None else Fraction(prefill).limit_denominator(10_000),
    )


def _rate(whole: Spend, one: TokenClass) -> Fraction | None:
    """USD per 1,000 tokens of a class, of those that have a price."""
    amount = whole.priced.tokens.get(one)
    return (
        None if amount is None or not amount.priced or amount.unknown else Fraction(amount.known) * 1000 / amount.priced
    )


def _waste(whole: Spend) -> Waste:
    lost = whole.quantities.requests_failed + whole.quantities.requests_aborted
    return Waste(Fraction(lost, whole.requests) if whole.requests else None)


def replicas_up(service: Service, now: datetime) -> int | None:
    """Those that were up most of the last hour; None where none is known by name."""
    up = rollups.gauge(service=service, family="target_up", start=now - RECENT, end=now, by=("replica",))
    return sum(one.mean is not None and one.mean >= MOSTLY for (name,), one in up.items() if name) or None


def replica_month(whole: Spend, hours: float, replicas: int | None) -> Fraction | None:
    """Hardware time of the window at its prices, by replica."""
    if whole.hardware_usd is None or not replicas:
        return None
    return Fraction(whole.hardware_usd) * HOURS_PER_MONTH / Fraction(round(hours)) / replicas


def _latency(service: Service, now: datetime) -> tuple[float | None, float | None]:
    """Mean end to end in ms over the last week, and the part of it that is reading prompts."""
    window: dict[str, Any] = {"service": service, "start": now - CURVE_BACK, "end": now}
    total, count, prefill = (
        rollups.increments(family=family, **window).get((), 0.0)
        for family in ("e2e_seconds_sum", "e2e_seconds", "prefill_seconds_sum")
    )
    if not count or not total:
        return None, None
    return 1000 * total / count, prefill / total if prefill else None


def measured_curve(service: Service, now: datetime, replicas: int | None) -> Curve | None:
    """Hours of the last week: tokens a second by replica (as many as now) against the mean latency of that hour."""
    if not replicas:
        return None
    end = now.replace(minute=0, second=0, microsecond=0)
    window: dict[str, Any] = {"service": service, "start": end - CURVE_BACK, "end": end, "step_seconds": 3600}
    prompt, generated, latency = (
        rollups.points(family=family, **window)
        for family in ("prompt_tokens_total", "generated_tokens_total", "e2e_seconds")
    )
    return measured(
        [
            ((one.value + other.value) / replicas, slow.value * 1000)
            for one, other, slow in zip(prompt, generated, latency, strict=True)
            if one.value is not None and other.value is not None and slow.value is not None
        ]
    )


def _said(hours: float, curve: Curve | None, now: Now) -> tuple[str, ...]:
    days = hours / 24
    return (
        f"Tokens, tiers and prices: the last {days:.0f} days, as a month of 30."
        if days >= 2
        else "Tokens: the last hours, as a month.",
        "Latency at load: the hours of the last week."
        if curve is not None
        else "Latency at load: no spread of loads was measured, so the shape is the simulated fleet's.",
        *([] if now.fleet.replicas is not None else ["Replicas: not known; type them in."]),
        *(
            []
            if now.fleet.usd_per_replica_month is not None
            else ["What a replica costs: no price of hardware is set."]
        ),
        *([] if now.usd_per_1k is not None else ["A tier has no price, so the cost is unknown."]),
    )
