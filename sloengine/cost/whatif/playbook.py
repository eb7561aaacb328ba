"""What to try first to spend less: waste, then routing, then precision (R19), each behind its own gate of quality. Pure.

Every saving is that of one change alone, worked out as any other what-if. Confidence says what it stands on: high where all of it was
measured and no answer changes; medium where behaviour is taken to be proportional; low where a figure is a guess to be replaced.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import IntEnum, StrEnum
from fractions import Fraction
from urllib.parse import urlencode

from sloengine.cost.whatif.asked import plain
from sloengine.cost.whatif.curve import MEASURED, Curve
from sloengine.cost.whatif.outcome import Holds, Outcome, replicas_for, work_out
from sloengine.cost.whatif.plan import BadPlan, Change, Constraints, Now, Tier, said

#: What is asked of caches and prompts where nobody knows better: ten points, a tenth.
CACHE_GAIN, PROMPT_CUT = Fraction(1, 10), Fraction(1, 10)
#: A first step of routing: so much of what the dearest tier serves.
FIRST_STEP = Fraction(1, 4)


class Kind(IntEnum):
    """The order of R19."""

    WASTE = 1
    ROUTING = 2
    PRECISION = 3

    @property
    def said(self) -> str:
        return self.name.lower()


class Confidence(StrEnum):
    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"


@dataclass(frozen=True, slots=True)
class Waste:
    """What requests that nobody got an answer from used, as a part of all tokens; None: not known."""

    failed_share: Fraction | None = None


@dataclass(frozen=True, slots=True)
class Play:
    """One thing to try: what it saves a month (None: not known, and why in `because`), and what must be shown before it is kept."""

    kind: Kind
    title: str
    saved_usd: Fraction | None
    saved_ratio: Fraction | None
    confidence: Confidence
    gate: str
    because: str
    holds: Holds
    query: str
    change: Change


def playbook(now: Now, *, curve: Curve | None, constraints: Constraints, waste: Waste | None = None) -> list[Play]:
    """Waste first, then routing, then precision; within each the largest saving first, unknown ones last.

    A price that is asked for is what savings add up to: none of them breaks it by being small.
    """
    constraints = replace(constraints, usd_per_1k=None)
    found = [
        *_failures(now, waste or Waste()),
        *_cache(now, curve, constraints),
        *_prompts(now, curve, constraints),
        *_idle(now, curve, constraints),
        *_routing(now, curve, constraints),
    ]
    return sorted(found, key=lambda one: (one.kind, one.saved_usd is None, -(one.saved_usd or 0), one.title))


def together(now: Now, plays: Sequence[Play], *, curve: Curve | None, constraints: Constraints) -> Outcome | None:
    """The whole of those that break no constraint, the first step of routing or precision included: what the playbook is worth."""
    change = Change()
    for one in plays:
        if one.holds is Holds.NO or (one.change.move and change.move):
            continue
        change = replace(
            change,
            cache_gain=max(change.cache_gain, one.change.cache_gain),
            prompt_cut=max(change.prompt_cut, one.change.prompt_cut),
            replicas=min(change.replicas, one.change.replicas),
        )
        if one.change.move:
            change = replace(change, move=one.change.move, source=one.change.source, target=one.change.target)
    return None if change == Change() else work_out(now, change, curve=curve, constraints=constraints)


def _play(
    now: Now, change: Change, curve: Curve | None, constraints: Constraints, *, kind: Kind, title: str, gate: str, because: str,
    confidence: Confidence, query: dict[str, str],
) -> list[Play]:  # fmt: skip
    try:
        outcome = work_out(now, change, curve=curve, constraints=constraints)
    except BadPlan:
        return []
    before, after = outcome.before.usd, outcome.after.usd
    saved = None if before is None or after is None else before - after
    if saved is not None and saved <= 0:
        saved, because = (None, f"{because} {' '.join(outcome.notes)}") if outcome.notes else (saved, because)
        if saved is not None:
            return []
    ratio = saved / before if saved is not None and before else None
    return [Play(kind, title, saved, ratio, confidence, gate, because.strip(), outcome.holds, urlencode(query), change)]


def _failures(now: Now, waste: Waste) -> list[Play]:
    """No change of a plan: what failed is mended at its cause."""
    share, price = waste.failed_share, now.usd_per_1k
    if not share:
        return []
    saved = None if price is None else share * now.tokens * price / 1000
    return [
        Play(
            Kind.WASTE, "End work that nobody gets", saved, share, Confidence.MEDIUM, "none: no answer that arrives is touched",
            f"{said(share)} of the requests failed or were given up, and their tokens were paid.", Holds.YES, "", Change(),
        )
    ]  # fmt: skip


def _cache(now: Now, curve: Curve | None, constraints: Constraints) -> list[Play]:
    prompts = now.prompts
    gain = min(CACHE_GAIN, 1 - prompts.hit_ratio)
    if not prompts.share or gain <= 0:
        return []
    return _play(
        now, Change(cache_gain=gain), curve, constraints, kind=Kind.WASTE,
        title=f"Let the prefix cache hold {plain(gain * 100, 1)} points more",
        gate="none: the answers are the same; watch the first token", confidence=Confidence.MEDIUM,
        because=f"It holds {said(prompts.hit_ratio)} of the prompt tokens now; put what is common first in every prompt.",
        query={"cache": plain(gain * 100, 2)},
    )  # fmt: skip


def _prompts(now: Now, curve: Curve | None, constraints: Constraints) -> list[Play]:
    if not now.prompts.share:
        return []
    return _play(
        now, Change(prompt_cut=PROMPT_CUT), curve, constraints, kind=Kind.WASTE, title="Shorten prompts by a tenth",
        gate="the replay suite on every slice: no similarity below its floor", confidence=Confidence.LOW,
        because=f"Prompts are {said(now.prompts.share)} of the tokens. A tenth is a guess: replace it by what you can leave out.",
        query={"prompt": plain(PROMPT_CUT * 100, 2)},
    )  # fmt: skip


def _idle(now: Now, curve: Curve | None, constraints: Constraints) -> list[Play]:
    """Replicas that the latency budget does not need."""
    fleet = now.fleet
    if curve is None or constraints.latency_ms is None or fleet.replicas is None:
        return []
    needed = replicas_for(now, curve=curve, latency_ms=constraints.latency_ms)
    if needed is None or needed >= fleet.replicas:
        return []
    spare = fleet.replicas - needed
    return _play(
        now, Change(replicas=-spare), curve, constraints, kind=Kind.WASTE,
        title=f"Take {spare} of {fleet.replicas} replicas away",
        gate=f"mean latency at most {constraints.latency_ms:g} ms in the busiest hour, not in the mean one",
        confidence=Confidence.MEDIUM if curve.origin == MEASURED else Confidence.LOW,
        because=f"At the mean load {needed} would hold {constraints.latency_ms:g} ms; the peak may need more.",
        query={"replicas": str(-spare), "latency": f"{constraints.latency_ms:g}"},
    )  # fmt: skip


def _routing(now: Now, curve: Curve | None, constraints: Constraints) -> list[Play]:
    """From the dearest tier in use to each cheaper one: a first step as routing, the whole of it as precision."""
    prices = {one.name: one.usd_per_1k for one in now.tiers if one.usd_per_1k is not None}
    used = [one for one in now.tiers if one.share and one.name in prices]
    if not used or len(prices) < 2:
        return []
    dearest = max(used, key=lambda one: prices[one.name])
    serving = any(prices[one.name] < prices[dearest.name] for one in used)
    found: list[Play] = []
    for target in now.tiers:
        if target.name not in prices or prices[target.name] >= prices[dearest.name]:
            continue
        if target.share or not serving:  # what serves already is tried before what does not
            found += _moved(now, curve, constraints, dearest, target, Kind.ROUTING, FIRST_STEP)
        found += _moved(now, curve, constraints, dearest, target, Kind.PRECISION, Fraction(1))
    return found


def _moved(
    now: Now, curve: Curve | None, constraints: Constraints, source: Tier, target: Tier, kind: Kind, part: Fraction
) -> list[Play]:
    floor = "its floor" if constraints.floor is None else f"{constraints.floor:g}"
    share = source.share * part
    gate = (
        f"the replay suite on every slice of {target.name}: similarity at least {floor}, no schema or safety violation"
    )
    if kind is Kind.PRECISION:
        gate += "; then a canary, and a tag that must keep its precision stays"
    known = "nothing is known of its quality" if target.quality is None else f"its similarity is {target.quality:.3f}"
    return _play(
        now, Change(move=share, source=source.name, target=target.name), curve, constraints, kind=kind,
        title=f"Route {'a quarter' if part != 1 else 'all'} of {source.name} to {target.name}", gate=gate,
        confidence=Confidence.LOW if target.quality is None else Confidence.HIGH,
        because=f"{target.name} costs {plain(target.usd_per_1k)} USD per 1,000 against {plain(source.usd_per_1k)}; {known}.",
        query={"share": plain(share * 100, 4), "source": source.name, "target": target.name},
    )  # fmt: skip
