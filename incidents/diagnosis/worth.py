"""Questions two and three: what the answers are worth, and what they cost."""

from __future__ import annotations

from incidents.diagnosis import measures
from incidents.diagnosis.evidence import Answer
from incidents.diagnosis.readings import Reader, against, answer, rate
from incidents.diagnosis.signals import text
from incidents.diagnosis.view import View, When

QUALITY = frozenset({"quality", "safety"})


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


def violations(family: str) -> Reader:
    def read(view: View) -> Answer:
        canaries = sum(view.increments("canary_requests_total", When.NOW).values())
        broken = view.increments(family, When.NOW)
        value = measures.share(sum(broken.values()), canaries) if broken else None
        return answer(view, value, family, reason="no canary assertions counted in the window")

    return read


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


def changes_nearby(view: View) -> Answer:
    changes = [one for one in view.changes() if one.kind in {"deploy", "config"}]
    told = "; ".join(f"{one.kind} {one.before} to {one.after} at {one.at:%H:%M}" for one in changes[:3])
    return answer(view, float(len(changes)), "changes", detail=told)


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
