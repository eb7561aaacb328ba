"""An address worked out whole: the plan, what it would change, presets and the playbook; or why it cannot be. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from sloengine.cost.whatif.asked import FIELDS, Asked, Preset, plain, presets, read, tiers_said
from sloengine.cost.whatif.curve import Curve
from sloengine.cost.whatif.outcome import Outcome, work_out
from sloengine.cost.whatif.plan import BadPlan, Now, decimal
from sloengine.cost.whatif.playbook import Play, Waste, playbook, together


@dataclass(frozen=True, slots=True)
class Answer:
    """`problem` says why nothing was worked out. `text` fills the form: what was typed in, and beside it what was measured."""

    text: Mapping[str, str]
    shown: Mapping[str, str]
    asked: Asked | None = None
    outcome: Outcome | None = None
    problem: str = ""
    presets: Sequence[Preset] = ()
    plays: Sequence[Play] = ()
    together: Outcome | None = None

    @property
    def changed(self) -> bool:
        return self.outcome is not None and bool(self.outcome.steps)


def answer(given: Mapping[str, str], *, measured: Now | None, curve: Curve, waste: Waste) -> Answer:
    """What the address asks, judged; the playbook on what serves today, under the same constraints."""
    text = {name: str(given.get(name) or "").strip() for name in FIELDS}
    shown = _shown(measured)
    try:
        asked = read(given, measured=measured, curve=curve)
        outcome = work_out(asked.now, asked.change, curve=asked.curve, constraints=asked.constraints)
        plays = playbook(asked.now, curve=asked.curve, constraints=asked.constraints, waste=waste)
        best = together(asked.now, plays, curve=asked.curve, constraints=asked.constraints)
    except BadPlan as problem:
        return Answer(text, shown, problem=str(problem))
    found = presets(asked.now, curve=asked.curve, budget_ms=asked.constraints.latency_ms)
    return Answer(text, shown, asked, outcome, "", found, plays, best)


def _shown(now: Now | None) -> dict[str, str]:
    """What was measured, as it would be typed in."""
    if now is None:
        return {}
    return {
        "tokens": plain(now.tokens, 0), "tiers": tiers_said(now.tiers),
        "replicas_now": "" if now.fleet.replicas is None else str(now.fleet.replicas),
        "replica_usd": plain(now.fleet.usd_per_replica_month, 2),
        "latency_now": "" if now.latency_ms is None else f"{now.latency_ms:.1f}",
    }  # fmt: skip


def headline(found: Answer) -> str:
    """One sentence: what it would change, and whether all holds."""
    outcome = found.outcome
    if outcome is None:
        return "That cannot be worked out"
    before, after = outcome.before, outcome.after
    if not outcome.steps:
        return (
            "Nothing is changed yet"
            if before.usd_per_1k is None
            else f"A thousand tokens cost {plain(before.usd_per_1k, 5)} USD today"
        )
    if before.usd_per_1k is None or after.usd_per_1k is None:
        return "What it would cost is not known"
    ratio = outcome.change_ratio
    percent = "" if ratio is None else f" ({float(ratio) * 100:+.2f} %)"
    ending = {"holds": "and everything asked for holds", "broken": "and a constraint breaks"}.get(
        outcome.holds.value, "and not every constraint is known"
    )
    tail = f", {ending}" if outcome.verdicts else ""
    return f"A thousand tokens would cost {plain(after.usd_per_1k, 5)} USD instead of {plain(before.usd_per_1k, 5)}{percent}{tail}"


def as_plain(found: Answer) -> dict[str, Any]:
    """For REST and the command line: money as texts, exactly."""
    if found.outcome is None:
        return {"problem": found.problem}
    outcome = found.outcome

    def side(one: Any) -> dict[str, Any]:
        return {
            "usd_per_month": _text(one.usd),
            "usd_per_1k": _text(one.usd_per_1k),
            "tokens_per_month": float(one.tokens), "latency_ms": one.latency_ms, "replicas": one.replicas,
        }  # fmt: skip

    return {
        "headline": headline(found),
        "before": side(outcome.before),
        "after": side(outcome.after),
        "change_ratio": _text(outcome.change_ratio),
        "steps": [{"what": one.what, "usd_per_month": _text(one.usd)} for one in outcome.steps],
        "constraints": [
            {"constraint": one.constraint, "asked": one.asked, "would_be": one.would_be, "holds": one.holds.value}
            for one in outcome.verdicts
        ],
        "notes": list(outcome.notes),
        "presets": [{"title": one.title, "query": one.query} for one in found.presets],
        "playbook": [
            {
                "kind": one.kind.said, "title": one.title, "saved_usd_per_month": _text(one.saved_usd),
                "saved_ratio": None if one.saved_ratio is None else float(one.saved_ratio), "confidence": one.confidence.value,
                "gate": one.gate, "because": one.because, "constraints": one.holds.value, "query": one.query,
            }
            for one in found.plays
        ],
        "curve": None if found.asked is None or found.asked.curve is None else found.asked.curve.origin,
    }  # fmt: skip


def _text(value: Fraction | None) -> str | None:
    return None if value is None else str(decimal(value))
