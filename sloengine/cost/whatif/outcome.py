"""Cost and latency before and after a change, step by step, and whether each constraint holds. Pure.

Steps are applied in the order in which they happen: traffic, shorter prompts, cache, routing, replicas, the bill. Each line says what
it alone changes given those before it, so that the lines add up to the difference exactly.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from fractions import Fraction
from itertools import pairwise
from typing import TypeVar

from sloengine.cost.whatif.curve import Curve
from sloengine.cost.whatif.plan import BadPlan, Change, Constraints, Now, Prompts, Tier, routed

Value = TypeVar("Value", float, Fraction)

SECONDS_PER_MONTH = 30 * 86_400


class Holds(StrEnum):
    YES = "holds"
    NO = "broken"
    UNKNOWN = "not known"


@dataclass(frozen=True, slots=True)
class Step:
    """What one part of the change does to the month's bill; None where a price is unknown."""

    what: str
    usd: Fraction | None


@dataclass(frozen=True, slots=True)
class Verdict:
    """One constraint: what is asked, what would be, and why."""

    constraint: str
    asked: str
    would_be: str
    holds: Holds


@dataclass(frozen=True, slots=True)
class Side:
    """Before, or after: USD a month and per 1,000 tokens, mean latency, replicas."""

    usd: Fraction | None
    usd_per_1k: Fraction | None
    tokens: Fraction
    latency_ms: float | None
    replicas: int | None


@dataclass(frozen=True, slots=True)
class Outcome:
    before: Side
    after: Side
    steps: tuple[Step, ...]
    verdicts: tuple[Verdict, ...]
    notes: tuple[str, ...]

    @property
    def change_ratio(self) -> Fraction | None:
        """Of the price of a thousand tokens: -0.2875 is 28.75 % less."""
        before, after = self.before.usd_per_1k, self.after.usd_per_1k
        return None if before is None or after is None or not before else after / before - 1

    @property
    def holds(self) -> Holds:
        found = {one.holds for one in self.verdicts}
        return Holds.NO if Holds.NO in found else Holds.UNKNOWN if Holds.UNKNOWN in found else Holds.YES


def work_out(now: Now, change: Change, *, curve: Curve | None, constraints: Constraints | None = None) -> Outcome:
    """The whole change. Raises BadPlan where it cannot be."""
    _checked(now, change)
    notes: list[str] = []
    tiers = routed(now, change)
    course = [("", _State(now.tokens, now.usd_per_1k, now.prompts))]

    def then(what: str, after: _State) -> _State:
        course.append((what, after))
        return after

    state = course[0][1]
    state = then("traffic", replace(state, tokens=state.tokens * change.traffic))
    state = then("shorter prompts", _cut(state, change.prompt_cut, notes))
    state = then("cache hits", _cached(state, change.cache_gain, notes))
    shift = _minus(replace(now, tiers=tiers).usd_per_1k, now.usd_per_1k)
    state = then(f"{change.source or 'every tier'} to {change.target}", replace(state, rate=_plus(state.rate, shift)))
    steps = [Step(what, _minus(new.usd, old.usd)) for (_, old), (what, new) in pairwise(course) if new != old]
    usd = state.usd
    if change.replicas:
        price = now.fleet.usd_per_replica_month
        steps.append(Step(f"{change.replicas:+d} replicas", None if price is None else price * change.replicas))
        usd = _plus(usd, steps[-1].usd)
    usd = _committed(change, state, usd, steps)
    replicas = None if now.fleet.replicas is None else now.fleet.replicas + change.replicas
    latency = _moved_latency(now, tiers, _latency(now, change, state, curve, notes), notes)
    if change.own is not None:
        replicas, usd = _built(change, state, usd, steps)
        latency = None
        notes.append("The latency of a fleet of your own is not known before it is measured.")
    before = Side(_times(now.tokens, now.usd_per_1k), now.usd_per_1k, now.tokens, now.latency_ms, now.fleet.replicas)
    after = Side(usd, _per_1k(usd, state.tokens), state.tokens, latency, replicas)
    verdicts = _verdicts(constraints or Constraints(), after, now, change)
    return Outcome(before, after, tuple(steps), verdicts, tuple(notes))


@dataclass(frozen=True, slots=True)
class _State:
    tokens: Fraction
    rate: Fraction | None
    prompts: Prompts
    prefill_left: Fraction = Fraction(1)  # of the time that prompts take

    @property
    def usd(self) -> Fraction | None:
        return _times(self.tokens, self.rate)


def _checked(now: Now, change: Change) -> None:
    for name, value, low, high in (
        ("traffic", change.traffic, Fraction(0), Fraction(1000)),
        ("move", change.move, Fraction(0), Fraction(1)),
        ("tag_share", change.tag_share, Fraction(0), Fraction(1)),
        ("prompt_cut", change.prompt_cut, Fraction(0), Fraction(1)),
        ("cache_gain", change.cache_gain, Fraction(-1), Fraction(1)),
    ):
        if not low <= value <= high:
            raise BadPlan(f"{name}: found {float(value):g}, expected {low} to {high}")
    if change.traffic == 0:
        raise BadPlan("traffic: found 0, expected more: nothing has no price")
    if not 0 <= now.prompts.hit_ratio + change.cache_gain <= 1:
        raise BadPlan(
            f"cache_gain: found {float(change.cache_gain):g} beside a hit ratio of {float(now.prompts.hit_ratio):g},"
            " expected 0 to 1 together"
        )
    if now.fleet.replicas is not None and now.fleet.replicas + change.replicas < 1:
        raise BadPlan(
            f"replicas: found {change.replicas:+d} beside {now.fleet.replicas}, expected at least one to be left"
        )


def _cut(state: _State, cut: Fraction, notes: list[str]) -> _State:
    """Fewer prompt tokens: those that are left out were missed or held by the cache as the others are."""
    prompts = state.prompts
    if not cut:
        return state
    if not prompts.share:
        notes.append("How many of the tokens are prompts is not known: shorter prompts change nothing here.")
        return state
    gone = prompts.share * cut
    tokens = state.tokens * (1 - gone)
    usd = state.usd
    if usd is not None:
        per_1k = _prompt_rate(prompts)
        usd -= state.tokens * gone * (per_1k if per_1k is not None else state.rate or Fraction(0)) / 1000
    left = replace(prompts, share=(prompts.share - gone) / (1 - gone))
    return replace(
        state, tokens=tokens, rate=_per_1k(usd, tokens), prompts=left, prefill_left=state.prefill_left * (1 - cut)
    )


def _cached(state: _State, gain: Fraction, notes: list[str]) -> _State:
    prompts = state.prompts
    if not gain:
        return state
    missed = 1 - prompts.hit_ratio
    after = replace(state, prompts=replace(prompts, hit_ratio=prompts.hit_ratio + gain))
    if missed:
        after = replace(after, prefill_left=state.prefill_left * (missed - gain) / missed)
    if prompts.input_usd is None or prompts.cached_usd is None:
        notes.append("No price is known for prompt tokens from the cache: a hit saves time, and nothing on the bill.")
        return after
    saved = prompts.share * gain * (prompts.input_usd - prompts.cached_usd)
    return replace(after, rate=_minus(state.rate, saved))


def _prompt_rate(prompts: Prompts) -> Fraction | None:
    if prompts.input_usd is None or prompts.cached_usd is None:
        return prompts.input_usd
    return prompts.input_usd * (1 - prompts.hit_ratio) + prompts.cached_usd * prompts.hit_ratio


def _committed(change: Change, state: _State, usd: Fraction | None, steps: list[Step]) -> Fraction | None:
    """Tokens up to the commitment cost its rate, used or not; the others what they cost without."""
    given = change.commitment
    if given is None:
        return usd
    beyond = max(state.tokens - given.tokens, Fraction(0))
    price = _times(state.tokens, state.rate)
    new = (
        None
        if state.rate is None and beyond
        else given.tokens * given.rate / 1000 + beyond * (state.rate or Fraction(0)) / 1000
    )
    steps.append(Step("commitment", _minus(new, price)))
    return _plus(usd, _minus(new, price))


def _built(change: Change, state: _State, usd: Fraction | None, steps: list[Step]) -> tuple[int, Fraction]:
    """So many replicas that the peak fills them as far as they may be."""
    own = change.own
    if own is None or own.tokens_per_second <= 0 or not 0 < own.fill <= 1:
        raise BadPlan("own: found no tokens a second, or a fill that is no share, expected what one replica carries")
    peak = state.tokens / SECONDS_PER_MONTH * own.peak
    replicas = max(math.ceil(peak / (own.tokens_per_second * own.fill)), 1)
    cost = replicas * own.usd_per_replica_month
    steps.append(Step(f"{replicas} replicas of your own instead", _minus(cost, usd)))
    return replicas, cost


def _latency(now: Now, change: Change, state: _State, curve: Curve | None, notes: list[str]) -> float | None:
    """By the curve at the new load per replica, beside the latency that was measured; then less of it for prompts."""
    latency = now.latency_ms
    moves = change.traffic != 1 or change.replicas or state.tokens != now.tokens
    if moves:
        if curve is None or now.fleet.replicas is None:
            notes.append("No latency was measured at other loads: how it would change is not known.")
            return None
        load = float(now.tokens) / SECONDS_PER_MONTH / now.fleet.replicas
        new = float(state.tokens) / SECONDS_PER_MONTH / (now.fleet.replicas + change.replicas)
        was, would = curve.at(load), curve.at(new)
        if would is None:
            notes.append(
                f"{new:,.0f} tokens a second per replica were never seen (most: {curve.points[-1][0]:,.0f}): the latency is not known."
            )
            return None
        if was is not None and latency is not None and was > 0:
            latency = latency * would / was
        else:
            latency = would
    if state.prefill_left != 1 and latency is not None:
        if now.prompts.prefill_share is None:
            notes.append("What part of the latency is reading prompts is not known: the gain in time is left out.")
        else:
            latency *= 1 - float(now.prompts.prefill_share * (1 - state.prefill_left))
    return latency


def _moved_latency(now: Now, tiers: Sequence[Tier], latency: float | None, notes: list[str]) -> float | None:
    """The mean follows the shares, by each tier's own latency."""
    if latency is None or tuple(tiers) == now.tiers:
        return latency
    moved = [
        (new.share - old.share, new.latency_ms)
        for old, new in zip(now.tiers, tiers, strict=True)
        if new.share != old.share
    ]
    if any(own is None for _, own in moved):
        notes.append("The latency of a tier that gains or gives is not known: neither is the mean after it.")
        return None
    return latency + sum(float(share) * (own or 0.0) for share, own in moved)


def _verdicts(constraints: Constraints, after: Side, now: Now, change: Change) -> tuple[Verdict, ...]:
    """Every constraint that is asked for, those of routing only where something is routed."""
    found: list[Verdict] = []
    if constraints.latency_ms is not None:
        longest = constraints.latency_ms + 1e-9
        holds = _holds(after.latency_ms, lambda value: value <= longest)
        would = "not known" if after.latency_ms is None else f"{after.latency_ms:.1f} ms"
        found.append(Verdict("mean latency", f"at most {constraints.latency_ms:g} ms", would, holds))
    if constraints.usd_per_1k is not None:
        most = constraints.usd_per_1k
        holds = _holds(after.usd_per_1k, lambda value: value <= most)
        would = "not known" if after.usd_per_1k is None else f"{float(after.usd_per_1k):.5f} USD"
        found.append(Verdict("cost per 1,000 tokens", f"at most {float(most):g} USD", would, holds))
    if change.move:
        target = now.tier(change.target)
        if constraints.floor is not None:
            floor = constraints.floor
            holds = _holds(target.quality, lambda value: value >= floor)
            would = "not known" if target.quality is None else f"{target.quality:.3f} on {target.name}"
            found.append(Verdict("answer quality", f"at least {floor:g}", would, holds))
        if constraints.allowed:
            holds = Holds.YES if target.name in constraints.allowed else Holds.NO
            found.append(Verdict("compliance", f"only {', '.join(constraints.allowed)}", target.name, holds))
    return tuple(found)


def _holds(value: Value | None, fits: Callable[[Value], bool]) -> Holds:
    if value is None:
        return Holds.UNKNOWN
    return Holds.YES if fits(value) else Holds.NO


def replicas_for(now: Now, *, curve: Curve, latency_ms: float, traffic: Fraction = Fraction(1)) -> int | None:
    """The fewest replicas whose mean latency is at most so long; None where no load is low enough, or the fleet is not known."""
    if now.fleet.replicas is None or now.latency_ms is None:
        return None
    here = curve.at(float(now.tokens) / SECONDS_PER_MONTH / now.fleet.replicas)
    if not here:
        return None
    load = curve.load_within(latency_ms * here / now.latency_ms)
    return None if not load else max(math.ceil(float(now.tokens * traffic) / SECONDS_PER_MONTH / load - 1e-9), 1)


def _per_1k(usd: Fraction | None, tokens: Fraction) -> Fraction | None:
    return None if usd is None or not tokens else usd * 1000 / tokens


def _times(tokens: Fraction, rate: Fraction | None) -> Fraction | None:
    return None if rate is None else tokens * rate / 1000


def _plus(one: Fraction | None, other: Fraction | None) -> Fraction | None:
    return None if one is None or other is None else one + other


def _minus(one: Fraction | None, other: Fraction | None) -> Fraction | None:
    return None if one is None or other is None else one - other


def total(steps: Sequence[Step]) -> Fraction | None:
    """The steps together: the difference of the two bills."""
    amount: Fraction | None = Fraction(0)
    for one in steps:
        amount = _plus(amount, one.usd)
    return amount
