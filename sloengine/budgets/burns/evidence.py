"""The words and figures of a burn. Pure."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sloengine.budgets.burnrate import Reason, Verdict
from sloengine.budgets.findings.steps import Condition
from sloengine.objectives.objective import Method, Objective, budget_name, goal_sentence

#: What each reason means for a finding. Nothing is known without data; everything else that is not burning is quiet.
CONDITIONS = {Reason.BURNING: Condition.TRUE, Reason.NO_DATA: Condition.UNKNOWN}


def condition(verdict: Verdict) -> Condition:
    """Callers who have given up are no recovery: what pages stays open until its long window is empty too."""
    if verdict.reason is Reason.ZERO_TRAFFIC and verdict.tier.severity == "page" and verdict.bad > 0:
        return Condition.UNKNOWN
    return CONDITIONS.get(verdict.reason, Condition.FALSE)


def fingerprint(objective: Objective, tier: str) -> str:
    return f"burn/{objective.service}/{objective.slug}/{tier}"


def reason_sentence(objective: Objective, verdict: Verdict) -> str:
    """ "chat burns its budget of "First token within 300 ms" 16.7 times too fast over 1 h and 200 times over 5 min (limit 14.4)." """
    long, short = span(verdict.tier.long_seconds), span(verdict.tier.short_seconds)
    if verdict.burning:
        return (
            f"{objective.service} burns its budget of “{objective.title}” {times(verdict.burn_long)} times too fast over {long}"
            f" and {times(verdict.burn_short)} times over {short} (limit {verdict.tier.factor:g})."
        )
    return f"{objective.service}, “{objective.title}”, {verdict.tier.name}: {verdict.reason}."


def summary(objective: Objective, burn_rate: float | None) -> str:
    """The burn in one short line, for a title: "chat is burning its first-token budget 53 times too fast"."""
    fast = "too fast" if burn_rate is None else f"{times(burn_rate)} times too fast"
    return f"{objective.service} is burning its {budget_name(str(objective.indicator))} budget {fast}"


def sustained_summary(objective: Objective, slices: int) -> str:
    """ "chat has missed its first-token goal for 5 min"."""
    return (
        f"{objective.service} has missed its {budget_name(str(objective.indicator))} goal for"
        f" {span(slices * objective.slice_seconds)}"
    )


def sustained_sentence(objective: Objective, slices: int) -> str:
    return f"{objective.service} missed {goal_sentence(objective).split(' in ')[0]} in {slices} consecutive minutes."


def evidence(objective: Objective, verdict: Verdict, *, impact_start: datetime, bound: float | None) -> dict[str, Any]:
    """What is kept with the finding; `bad` and `total` are of the long window, in requests or slices as `unit` says."""
    return {
        **_common(
            objective, tier=verdict.tier.severity, tier_name=verdict.tier.name, impact_start=impact_start, bound=bound
        ),
        "summary": summary(objective, verdict.burn_long),
        "long_window_seconds": verdict.tier.long_seconds,
        "short_window_seconds": verdict.tier.short_seconds,
        "burn_rate_long": verdict.burn_long,
        "burn_rate_short": verdict.burn_short,
        "threshold": verdict.tier.factor,
        "bad": verdict.bad,
        "total": verdict.total,
        "partial": verdict.partial,
    }


def sustained_evidence(
    objective: Objective, *, name: str, severity: str, slices: int, impact_start: datetime, bound: float | None
) -> dict[str, Any]:
    """R4: all of the last `slices` slices were bad, whatever the budget says."""
    seconds = slices * objective.slice_seconds
    return {
        **_common(objective, tier=severity, tier_name=name, impact_start=impact_start, bound=bound),
        "summary": sustained_summary(objective, slices),
        "long_window_seconds": seconds,
        "short_window_seconds": seconds,
        "burn_rate_long": 1 / float(objective.budget),
        "burn_rate_short": 1 / float(objective.budget),
        "threshold": None,
        "bad": slices,
        "total": slices,
        "partial": False,
    }


def _common(
    objective: Objective, *, tier: str, tier_name: str, impact_start: datetime, bound: float | None
) -> dict[str, Any]:
    return {
        "objective": objective.slug,
        "title": objective.title,
        "goal": goal_sentence(objective),
        "indicator": str(objective.indicator),
        "target": str(objective.target),
        "goal_threshold": objective.threshold,
        "judged_at": bound,
        "unit": "requests" if objective.method is Method.OCCURRENCES else "slices",
        "tier": tier,
        "tier_name": tier_name,
        "impact_start": impact_start.isoformat(),
    }


def span(seconds: int) -> str:
    """300 is "5 min", 21600 is "6 h", 259200 is "3 d"."""
    if seconds % 86400 == 0:
        return f"{seconds // 86400} d"
    return f"{seconds // 3600} h" if seconds % 3600 == 0 else f"{seconds // 60} min"


def times(rate: float | None) -> str:
    """16.666 is "16.7", 200.0 is "200": for people; comparisons use the number itself."""
    return "-" if rate is None else f"{rate:.0f}" if rate >= 100 else f"{rate:.3g}"
