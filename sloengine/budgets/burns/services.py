"""Claims for every objective and tier: burning, quiet or unknown, with the evidence on request."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

import numpy as np
from django.db import connection

from sloengine.budgets.burnrate import Reason, Vector, Verdict, Windows, verdicts
from sloengine.budgets.burns import evidence as words
from sloengine.budgets.burns import queries
from sloengine.budgets.burns.loud import all_bad, may_burn, only
from sloengine.budgets.counting.missing import Presence, absent
from sloengine.budgets.counting.queries import counted_windows, with_parts
from sloengine.budgets.findings.services import Claim
from sloengine.budgets.findings.steps import Condition, impact_start
from sloengine.budgets.models import Finding, FindingKind, FindingSeverity
from sloengine.budgets.policies.queries import policies
from sloengine.budgets.policy import advise_traffic
from sloengine.budgets.slices import FINE_SECONDS
from sloengine.budgets.tallies.services import Advanced
from sloengine.budgets.tallies.sums import SEEN, Positions
from sloengine.budgets.windows import Sustained, Tier, table, tiers_of
from sloengine.objectives.models import Objective
from sloengine.objectives.objective import SERVING, TIMED, Method, Reading
from sloengine.objectives.objective import Objective as Promise

#: Episodes that ended longer ago lie outside every window.
PAGED_WITHIN = timedelta(days=3)


@dataclass(frozen=True, slots=True, eq=False)
class _Promises:
    """What of an organisation's objectives is compared every tick, as arrays; good for as long as the list is the same."""

    objectives: Sequence[Objective]
    budget: Vector
    minimum_failures: Vector
    minimum_events: Vector
    by_tiers: Mapping[tuple[Tier, ...], Positions]
    by_slice: Mapping[int, Positions]  #: those that R4's rule holds for, by the seconds of a slice
    by_absence: Mapping[int, Positions]  #: those that are missed when absent, by after how many seconds


_promises: dict[tuple[object, int], _Promises] = {}


def _known(objectives: Sequence[Objective]) -> _Promises:
    key = (connection.settings_dict["NAME"], objectives[0].organisation_id)
    known = _promises.get(key)
    if known is None or known.objectives is not objectives:
        by_tiers: dict[tuple[Tier, ...], list[int]] = defaultdict(list)
        by_slice: dict[int, list[int]] = defaultdict(list)
        by_absence: dict[int, list[int]] = defaultdict(list)
        for index, one in enumerate(objectives):
            terms = one.promise.terms
            by_tiers[tiers_of(period=one.window, alerting=terms.alerting)].append(index)
            if sustains(one):
                by_slice[one.slice_seconds].append(index)
            if terms.missing.absent_after_seconds is not None and not one.is_composite:
                by_absence[terms.missing.absent_after_seconds].append(index)
        known = _promises[key] = _Promises(
            objectives,
            np.array([float(one.promise.budget) for one in objectives]),
            np.array([queries.minimum_failures(one) for one in objectives]),
            np.array([one.promise.terms.alerting.minimum_events or 0.0 for one in objectives]),
            {chosen: np.array(some, np.intp) for chosen, some in by_tiers.items() if chosen},
            {seconds: np.array(some, np.intp) for seconds, some in by_slice.items()},
            {seconds: np.array(some, np.intp) for seconds, some in by_absence.items()},
        )
    return known


def claims(
    *,
    objectives: Sequence[Objective],
    counted: Advanced,
    tick: datetime,
    open_findings: Mapping[str, Finding],
    cleared: Sequence[Finding],
    present: Mapping[int, bool | None],
) -> list[Claim]:
    """Claims for each objective with a tier that burns or a finding that stands; the calm ones, most of the time all, have none.

    `cleared` are the burns paged within three days; `present` says of each service whether it shows anything at all (None: its
    source cannot be read)."""
    if not objectives:
        return []
    known = _known(objectives)
    paged = queries.episodes(objectives=objectives, cleared=cleared) if cleared else {}
    slices = table().sustained.slices
    lengths = sorted(
        {length for chosen in known.by_tiers for tier in chosen for length in (tier.long_seconds, tier.short_seconds)}
        | {slices * seconds for seconds in known.by_slice}
        | set(known.by_absence)
    )
    if not lengths:
        return []
    plain = queries.windows_of(
        places=counted.places,
        now=counted.sums,
        seconds=lengths,
        end=tick,
        paged=[paged.get(one.pk, ()) for one in objectives] if paged else (),
    )
    found = _absences(known, plain, counted, present, open_findings)
    sums = counted_windows(plain, objectives=objectives, end=tick)
    loud = np.zeros(len(objectives), np.bool_)
    for seconds, rows in known.by_slice.items():
        loud[rows] |= all_bad(sums, slices=slices, seconds=slices * seconds)[rows]
    watched = {row.evidence.get("objective") for row in open_findings.values()}
    if watched:
        loud |= np.array([one.slug in watched for one in objectives])
    for chosen, rows in known.by_tiers.items():
        some = rows[loud[rows] | may_burn(sums, budget=known.budget, tiers=chosen)[rows]]
        if not len(some):
            continue
        mine = only(sums, some)
        judged = verdicts(
            windows=mine,
            budget=known.budget[some],
            tiers=chosen,
            minimum_failures=known.minimum_failures[some],
            tick_seconds=FINE_SECONDS,
            minimum_events=known.minimum_events[some],
        )
        for index, place in enumerate(some):
            found += _of_objective(objectives[place], judged[index], mine, index, tick, open_findings)
    return found


def sustains(objective: Objective) -> bool:
    """Whether R4's rule holds for it: timeslices of a timed indicator, judged by the table or by its tier of that name."""
    alerting = objective.promise.terms.alerting
    by_table = alerting.enabled and not alerting.alerts
    named = not alerting.tiers or table().sustained.name in alerting.tiers
    return by_table and named and objective.method == Method.TIMESLICES and objective.promise.indicator in TIMED


def _absences(
    known: _Promises,
    windows: Windows,
    counted: Advanced,
    present: Mapping[int, bool | None],
    open_findings: Mapping[str, Finding],
) -> list[Claim]:
    """Claims that a signal is absent though its service was not scaled to zero, and that one which was is there again. Nothing is
    claimed of others, nor of what never was."""
    seen = ~np.isnan(counted.sums[:, SEEN])
    missed = any(row.kind == FindingKind.ABSENT for row in open_findings.values())
    claims = []
    for after, rows in known.by_absence.items():
        silent = (windows.covered[rows, windows.column(after)] <= 0) & (windows.age_seconds[rows] >= after) & seen[rows]
        for row in rows[silent]:
            objective = known.objectives[row]
            claims.append(_absence(objective, after, present.get(objective.service_id, False)))
        for row in rows[~silent] if missed else rows[:0]:
            claim = _absence(known.objectives[row], after, True)
            if claim.fingerprint in open_findings:
                claims.append(replace(claim, condition=Condition.FALSE, reason="it is shown again"))
    return claims


def _absence(objective: Objective, after: int, present: bool | None) -> Claim:
    missing = absent(Presence(float(after), present is True, present is not None), after_seconds=after)
    promise = objective.promise
    span = words.span(after)
    asked = promise.terms.queries.present or promise.terms.kpi
    signal = f"“{promise.title}”" if asked else promise.measures[0].family
    return Claim(
        fingerprint=f"absent/{promise.key}",
        kind=FindingKind.ABSENT,
        severity=FindingSeverity.TICKET,
        service_id=objective.service_id,
        condition=Condition.UNKNOWN if missing is None else Condition.TRUE if missing else Condition.FALSE,
        reason=f"{promise.service} shows nothing of “{promise.title}” for {span}, though its source can be read.",
        evidence=lambda: {"objective": objective.slug, "title": objective.title, "absent_after_seconds": after,
                          "summary": f"{promise.service} no longer shows {signal}"},
        clear_after=table().clear_after,
    )  # fmt: skip


def _held(objective: Objective, verdict: Verdict, tick: datetime) -> bool:
    """Whether it has burned for as long as the tier asks, looked at once a minute."""
    tier = verdict.tier
    members = with_parts([objective]) if tier.hold_seconds else []
    for back in range(60, tier.hold_seconds + 1, 60):
        end = tick - timedelta(seconds=back)
        lengths = sorted({tier.long_seconds, tier.short_seconds})
        sums = queries.windows(objectives=members, seconds=lengths, end=end, paged={})
        ((then,),) = verdicts(
            windows=only(sums, np.zeros(1, np.intp)),
            budget=np.array([float(objective.promise.budget)]),
            tiers=[tier],
            minimum_failures=np.array([queries.minimum_failures(objective)]),
            tick_seconds=FINE_SECONDS,
        )
        if not then.burning:
            return False
    return True


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
        if claim.condition is Condition.TRUE and not firing and not _held(objective, verdict, tick):
            claim = replace(claim, condition=Condition.FALSE, reason=str(Reason.NOT_YET))
        if faster and not firing and claim.condition is Condition.TRUE:
            claim = _inhibited(claim)
        claims.append(claim)
        faster = faster or firing or claim.condition is Condition.TRUE
        if verdict.tier is judged[0].tier and sustains(objective):
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
        known = words.evidence(promise, verdict, impact_start=start, bound=objective.bound)
        return known | _events(objective, start, tick) | _traffic(objective, verdict.tier.severity)

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


def _sustained(
    objective: Objective, promise: Promise, rule: Sustained, sums: Windows, index: int, tick: datetime
) -> Claim:
    column = sums.column(rule.slices * objective.slice_seconds)
    condition = Condition.UNKNOWN if sums.covered[index, column] <= 0 else Condition.FALSE
    if all_bad(sums, slices=rule.slices, seconds=rule.slices * objective.slice_seconds)[index]:
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
        return known | _events(objective, start, tick) | _traffic(objective, rule.severity)

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
    measure = objective.promise.measures[0]
    if measure.reading is Reading.MEAN:
        return {"events": events, "events_noun": measure.noun, "mean": _mean(objective, start, end)}
    return {"bad_events": bad, "events": events, "events_noun": measure.noun}


def _traffic(objective: Objective, severity: str) -> dict[str, Any]:
    """What the error-budget policy asks of traffic while this burns, for whoever acts on findings; fewer requests make no answer
    better, so a burn of quality asks for nothing."""
    promise = objective.promise
    if promise.indicator not in SERVING:
        return {}
    known = policies(organisation_id=objective.organisation_id)
    policy = known.get(promise.terms.policy, known[""])
    advice = advise_traffic(burning=[severity], policy=policy)
    if not advice.protect:
        return {}
    return {"traffic": {"policy": policy.name, "actions": list(advice.actions), "consequence": advice.sentence}}


def _mean(objective: Objective, start: datetime, end: datetime) -> float | None:
    _bad, _total, missing, events = queries.bad_between(objective=objective, start=start, end=end)
    return 1 - missing / events if events > 0 else None


def _closing(objective: Objective, finding: Finding, tick: datetime) -> dict[str, Any]:
    """The figures of the whole episode, from its first bad minute to its end."""
    start = datetime.fromisoformat(finding.evidence["impact_start"])
    bad, total, _bad_events, _events_all = queries.bad_between(objective=objective, start=start, end=tick)
    end = (finding.quiet_since or tick).isoformat()
    return {"episode_bad": bad, "episode_total": total, "impact_end": end} | _events(objective, start, tick)
