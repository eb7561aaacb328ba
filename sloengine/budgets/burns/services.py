"""Claims for every objective and tier: burning, quiet or unknown, with the evidence on request."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import numpy as np

from sloengine.budgets.burnrate import Reason, Verdict, Windows, verdicts
from sloengine.budgets.burns import evidence as words
from sloengine.budgets.burns import queries
from sloengine.budgets.findings.services import Claim
from sloengine.budgets.findings.steps import Condition, impact_start
from sloengine.budgets.models import Finding, FindingKind
from sloengine.budgets.slices import FINE_SECONDS
from sloengine.budgets.windows import Sustained, table, tiers
from sloengine.objectives.models import Objective
from sloengine.objectives.objective import MEASURES, TIMED, Indicator, Reading
from sloengine.objectives.objective import Objective as Promise

#: Episodes that ended longer ago lie outside every window.
PAGED_WITHIN = timedelta(days=3)


def claims(
    *, objectives: Sequence[Objective], tick: datetime, open_findings: Mapping[str, Finding], cleared: Sequence[Finding]
) -> list[Claim]:
    """Claims for each objective with a tier that burns or a finding that stands; the calm ones, most of the time all, have none.

    `cleared` are the burns paged within three days."""
    by_window: dict[timedelta, list[Objective]] = defaultdict(list)
    for objective in objectives:
        by_window[objective.window].append(objective)
    paged = queries.episodes(objectives=objectives, cleared=cleared)
    found = []
    for window, members in by_window.items():
        chosen = tiers(period=window)
        lengths = sorted(
            {length for tier in chosen for length in (tier.long_seconds, tier.short_seconds)}
            | {table().sustained.slices * one.slice_seconds for one in members if one.is_timeslices}
        )
        sums = queries.windows(objectives=members, seconds=lengths, end=tick, paged=paged)
        judged = verdicts(
            windows=sums,
            budget=np.array([float(one.promise.budget) for one in members]),
            tiers=chosen,
            minimum_failures=np.array([float(table().minimum_failures[one.method]) for one in members]),
            tick_seconds=FINE_SECONDS,
        )
        watched = {row.evidence.get("objective") for row in open_findings.values()}
        for index, objective in enumerate(members):
            calm = all(not verdict.burning for verdict in judged[index]) and not _all_bad(objective, sums, index)
            if not calm or objective.slug in watched:
                found += _of_objective(objective, judged[index], sums, index, tick, open_findings)
    return found


def _of_objective(
    objective: Objective,
    judged: Sequence[Verdict],
    sums: Windows,
    index: int,
    tick: datetime,
    open_findings: Mapping[str, Finding],
) -> list[Claim]:
    """Fastest first: while a faster tier fires, or is about to, slower ones do not open."""
    promise = objective.promise
    claims: list[Claim] = []
    faster = False
    for verdict in judged:
        claim = _burn(objective, promise, verdict, tick)
        firing = claim.fingerprint in open_findings
        if faster and not firing and claim.condition is Condition.TRUE:
            claim = _inhibited(claim)
        claims.append(claim)
        faster = faster or firing or claim.condition is Condition.TRUE
        if verdict.tier is judged[0].tier and objective.is_timeslices and promise.indicator in TIMED:
            sustained = _sustained(objective, promise, table().sustained, sums, index, tick)
            firing = sustained.fingerprint in open_findings
            if faster and not firing and sustained.condition is Condition.TRUE:
                sustained = _inhibited(sustained)
            claims.append(sustained)
            faster = faster or firing or sustained.condition is Condition.TRUE
    return claims


def _burn(objective: Objective, promise: Promise, verdict: Verdict, tick: datetime) -> Claim:
    ratio = 0.0 if objective.is_timeslices else verdict.tier.factor * float(promise.budget)

    def evidence() -> dict[str, Any]:
        start = _impact_start(objective, tick, bad_ratio=ratio)
        return words.evidence(promise, verdict, impact_start=start, bound=objective.bound) | _events(
            objective, start, tick
        )

    return Claim(
        fingerprint=words.fingerprint(promise, verdict.tier.name),
        kind=FindingKind.BURN,
        severity=verdict.tier.severity,
        service_id=objective.service_id,
        condition=words.condition(verdict),
        reason=words.reason_sentence(promise, verdict),
        evidence=evidence,
        closing=lambda finding: _closing(objective, finding, tick),
        clear_after=table().clear_after,
    )


def _all_bad(objective: Objective, sums: Windows, index: int) -> bool:
    """Whether every one of the last slices was bad, with as many of them as R4 asks for."""
    if not objective.is_timeslices:
        return False
    slices = table().sustained.slices
    column = sums.column(slices * objective.slice_seconds)
    return bool(sums.total[index, column] >= slices and sums.bad[index, column] >= sums.total[index, column])


def _sustained(
    objective: Objective, promise: Promise, rule: Sustained, sums: Windows, index: int, tick: datetime
) -> Claim:
    column = sums.column(rule.slices * objective.slice_seconds)
    condition = Condition.UNKNOWN if sums.covered[index, column] <= 0 else Condition.FALSE
    if _all_bad(objective, sums, index):
        condition = Condition.TRUE

    def evidence() -> dict[str, Any]:
        start = _impact_start(objective, tick, bad_ratio=0.0)
        known = words.sustained_evidence(
            promise,
            name=rule.name,
            severity=rule.severity,
            slices=rule.slices,
            impact_start=start,
            bound=objective.bound,
        )
        return known | _events(objective, start, tick)

    return Claim(
        fingerprint=words.fingerprint(promise, rule.name),
        kind=FindingKind.BURN,
        severity=rule.severity,
        service_id=objective.service_id,
        condition=condition,
        reason=words.sustained_sentence(promise, rule.slices),
        evidence=evidence,
        closing=lambda finding: _closing(objective, finding, tick),
        clear_after=table().clear_after,
    )


def _inhibited(claim: Claim) -> Claim:
    return replace(claim, condition=Condition.FALSE, reason=str(Reason.INHIBITED))


def _impact_start(objective: Objective, tick: datetime, *, bad_ratio: float) -> datetime:
    """The first bad minute of the present episode; the tick itself where no minute stands out (a slow drip)."""
    return impact_start(queries.minutes(objective=objective, end=tick, bad_ratio=bad_ratio)) or tick


def _events(objective: Objective, start: datetime, end: datetime) -> dict[str, Any]:
    """How many requests (tokens, answers) were bad since the impact began; a mean of similarities has no bad ones."""
    _bad, _total, bad, events = queries.bad_between(objective=objective, start=start, end=end)
    measure = MEASURES[Indicator(objective.indicator)]
    if measure.reading is Reading.MEAN:
        return {"events": events, "events_noun": measure.noun, "mean": _mean(objective, start, end)}
    return {"bad_events": bad, "events": events, "events_noun": measure.noun}


def _mean(objective: Objective, start: datetime, end: datetime) -> float | None:
    _bad, _total, missing, events = queries.bad_between(objective=objective, start=start, end=end)
    return 1 - missing / events if events > 0 else None


def _closing(objective: Objective, finding: Finding, tick: datetime) -> dict[str, Any]:
    """The figures of the whole episode, from its first bad minute to its end."""
    start = datetime.fromisoformat(finding.evidence["impact_start"])
    bad, total, _bad_events, _events_all = queries.bad_between(objective=objective, start=start, end=tick)
    end = (finding.quiet_since or tick).isoformat()
    return {"episode_bad": bad, "episode_total": total, "impact_end": end} | _events(objective, start, tick)
