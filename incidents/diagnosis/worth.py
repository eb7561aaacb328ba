"""Questions two and three: what the answers are worth, and what they cost."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from incidents.diagnosis import measures
from incidents.diagnosis.evidence import Answer
from incidents.diagnosis.failing import outcomes
from incidents.diagnosis.readings import Reader, against, answer, rate
from incidents.diagnosis.signals import text
from incidents.diagnosis.view import ChangeSeen, View, When
from sloengine.detection.precedence import Verdict

QUALITY = frozenset({"quality", "safety", "schema"})
#: Assertions about the structure of an answer, as a tool call has one.
STRUCTURE = frozenset({"json", "schema"})


def similarity_at(view: View, when: When, by_version: str | None = None) -> float | None:
    """The mean cosine of the window from its counters; where a source has none, from the gauge."""
    by = ("version",) if by_version is not None else ()
    key = (by_version,) if by_version is not None else ()
    total = view.increments("answer_similarity_sum_total", when, by).get(key)
    samples = view.increments("answer_similarity_samples_total", when, by).get(key)
    exact = measures.share(total, samples)
    if exact is not None:
        return exact
    gauge = view.gauge("answer_similarity_ratio", when, by).get(key)
    return gauge.mean if gauge is not None else None


def answer_similarity(view: View) -> Answer:
    now, before = (similarity_at(view, when) for when in (When.NOW, When.BEFORE))
    detail = f"{text(before, 'cosine')} before" if before is not None else ""
    return answer(view, now, "answer_similarity_ratio", reason="no canary answers in the window", detail=detail)


def similarity_fall(view: View) -> Answer:
    now, before = (similarity_at(view, when) for when in (When.NOW, When.BEFORE))
    return answer(
        view, measures.growth(before, now), "answer_similarity_ratio", reason="no canary answers now or before"
    )


def violations(family: str, kinds: frozenset[str] = frozenset()) -> Reader:
    """Violations per answer held against such an assertion (of these kinds); of older probes per canary."""

    def read(view: View) -> Answer:
        broken = _of_kinds(view.increments(family, When.NOW, ("reason",)), kinds)
        checks = _of_kinds(view.increments(family.replace("violations", "checks"), When.NOW, ("reason",)), kinds)
        asked = (
            checks if checks else None if kinds else sum(view.increments("canary_requests_total", When.NOW).values())
        )
        value = measures.share(broken, asked) if broken is not None else None
        return answer(view, value, family, reason="no canary assertions counted in the window")

    return read


def _of_kinds(groups: Mapping[tuple[str, ...], float], kinds: frozenset[str]) -> float | None:
    told = [count for (reason,), count in groups.items() if not kinds or reason in kinds]
    return sum(told) if told else None


def replay_count(worse: bool) -> Reader:
    def read(view: View) -> Answer:
        replayed = view.replayed()
        if not replayed.slices:
            return answer(view, None, "replay", reason=replayed.reason)
        slices = replayed.worse if worse else replayed.judged
        if not replayed.judged:
            return answer(view, None, "replay", reason=replayed.sentence)
        told = [", ".join(one.slice for one in slices), replayed.note]
        return answer(view, float(len(slices)), "replay", detail="; ".join(part for part in told if part))

    return read


def version_gap(view: View) -> Answer:
    """Similarity of the version that mostly serves now against the one that mostly served before, by version label."""
    now_by, before_by = _versions(view, When.NOW), _versions(view, When.BEFORE)
    if not now_by or not before_by:
        return answer(view, None, "answer_similarity_ratio", reason="no canary answers by version now or before")
    serving, previous = max(now_by, key=lambda one: now_by[one]), max(before_by, key=lambda one: before_by[one])
    if serving == previous:
        return answer(view, None, "answer_similarity_ratio", reason="one version serves now and served before")
    now, before = similarity_at(view, When.NOW, serving), similarity_at(view, When.BEFORE, previous)
    detail = "" if now is None or before is None else f"{previous} {before:.3f}, {serving} {now:.3f}"
    return answer(view, measures.growth(before, now), "answer_similarity_ratio", detail=detail)


def _versions(view: View, when: When) -> dict[str, float]:
    """How often each version answered canaries; readings of the gauge where a source does not count them."""
    counted = {
        key[0]: count for key, count in view.increments("answer_similarity_samples_total", when, ("version",)).items()
    }
    if any(counted.values()):
        return counted
    return {key[0]: one.n for key, one in view.gauge("answer_similarity_ratio", when, ("version",)).items()}


def _changes(view: View, kinds: frozenset[str], *, precise: bool = False) -> Answer:
    changes = [one for one in view.changes() if one.kind in kinds and (one.precise or not precise)]
    nearest = sorted(changes, key=lambda one: abs(one.at - view.impact_started_at))
    told = "; ".join(f"{_named(one)} at {one.at:%H:%M}, {apart(one.at, view.impact_started_at)}" for one in nearest[:3])
    return answer(view, float(len(changes)), "changes", detail=told)


def _named(one: ChangeSeen) -> str:
    return f"{one.kind} {one.before} to {one.after}" if one.before or one.after != "?" else one.kind


def apart(at: datetime, impact: datetime) -> str:
    """How far from the start of the impact: "4 min before it began"."""
    minutes = round((impact - at).total_seconds() / 60)
    if minutes == 0:
        return "as it began"
    return f"{minutes} min before it began" if minutes > 0 else f"{-minutes} min after it began"


def kpi_findings(view: View) -> Answer:
    found = [one for one in view.findings() if one.kind == "kpi" or (one.kind == "burn" and one.indicator == "kpi")]
    return answer(view, float(len(found)), "findings", detail="; ".join(dict.fromkeys(one.objective for one in found)))


def business_factor(view: View) -> Answer:
    """What the business counts (orders, matters settled) an answered request, now against before: 0.62 to 0.15 is 0.24.

    Of answered ones, since failures settle nothing and are told elsewhere."""

    def settled(when: When) -> float | None:
        events = view.increments("business_events_total", when)
        return measures.share(sum(events.values()), outcomes(view, when).get("ok")) if events else None

    now, before = settled(When.NOW), settled(When.BEFORE)
    return against(view, "business_events_total", now, before, "count")


def changes_nearby(view: View) -> Answer:
    return _changes(view, frozenset({"deploy", "config"}))


def config_changes(view: View) -> Answer:
    return _changes(view, frozenset({"config"}))


def quantisation_changes(view: View) -> Answer:
    return _changes(view, frozenset({"deploy", "config"}), precise=True)


def maintenance_nearby(view: View) -> Answer:
    return _changes(view, frozenset({"maintenance"}))


def incidents_elsewhere(view: View) -> Answer:
    others = view.elsewhere()
    return answer(view, float(len(others)), "incidents", detail=", ".join(others[:5]))


def tokens(view: View, when: When) -> float | None:
    own = [rate(view, family, when) for family in ("prompt_tokens_total", "generated_tokens_total")]
    told = [rate for rate in own if rate is not None]
    return sum(told) if told else rate(view, "tenant_tokens_total", when)


def token_factor(view: View) -> Answer:
    return against(view, "generated_tokens_total", tokens(view, When.NOW), tokens(view, When.BEFORE), "per_s")


def tenants(view: View, when: When) -> dict[str, float]:
    covered = view.covered_seconds("tenant_tokens_total", when)
    groups = view.increments("tenant_tokens_total", when, ("tenant",))
    return {tenant: used / covered for (tenant,), used in groups.items()} if covered else {}


def top_tenant_share(view: View) -> Answer:
    now = tenants(view, When.NOW)
    top = max(now, key=lambda tenant: (now[tenant], tenant)) if now else ""
    value = measures.share(now.get(top), sum(now.values()))
    return answer(view, value, "tenant_tokens_total", detail=top)


def top_tenant_growth(view: View) -> Answer:
    now, before = tenants(view, When.NOW), tenants(view, When.BEFORE)
    found = measures.top_growth(now=now, before=before) if now and before else None
    reason = "no tenant's token rate grew" if now and before else "no tokens by tenant now or before"
    if found is None:
        return answer(view, None, "tenant_tokens_total", reason=reason)
    return answer(view, found[1], "tenant_tokens_total", detail=found[0])


def other_tenants_factor(view: View) -> Answer:
    """All but the tenant that gained most. As before where one runs away; less where the mix shifted; more where all grew alike."""
    now, before = tenants(view, When.NOW), tenants(view, When.BEFORE)
    found = measures.top_growth(now=now, before=before) if now and before else None
    if found is None:
        return answer(view, None, "tenant_tokens_total", reason="no tenant's token rate grew, or none is told")
    rates = [sum(rate for name, rate in one.items() if name != found[0]) for one in (now, before)]
    return against(view, "tenant_tokens_total", rates[0], rates[1], "per_s")


def similarity_week_fall(view: View) -> Answer:
    now, then = (similarity_at(view, when) for when in (When.NOW, When.WEEK))
    reason = "no canary answers now or a week ago"
    return answer(view, measures.growth(then, now), "answer_similarity_ratio", reason=reason)


def price_findings(view: View) -> Answer:
    """Cost anomalies whose strongest driver is the price, not the traffic."""
    found = [one for one in view.findings() if one.kind == "cost" and "price" in str(one.evidence.get("driver", ""))]
    return answer(view, float(len(found)), "findings")


def mix_distance(view: View) -> Answer:
    """Half the sum of what each tenant's share of requests moved: 0.6/0.4 to 0.3/0.7 is 0.3. Total variation distance."""
    now, before = (_mix(view, when) for when in (When.NOW, When.BEFORE))
    if not now or not before:
        return answer(view, None, "tenant_requests_total", reason="no requests by tenant now or before")
    value = sum(abs(now.get(name, 0.0) - before.get(name, 0.0)) for name in {*now, *before}) / 2
    return answer(view, value, "tenant_requests_total")


def _mix(view: View, when: When) -> dict[str, float]:
    counted = view.increments("tenant_requests_total", when, ("tenant",))
    total = sum(counted.values())
    return {tenant: count / total for (tenant,), count in counted.items()} if total > 0 else {}


def latency_lead(view: View) -> Answer:
    """How long before the fall of quality latency rose by a little, where that is more than chance (R6)."""
    found = view.leading()
    lead = found.lead_seconds if found.verdict is Verdict.PRECEDES else None
    return answer(view, lead, "inter_token_seconds", reason=found.sentence, detail=f": {found.sentence}")
