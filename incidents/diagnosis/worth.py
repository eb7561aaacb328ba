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
    detail = f"{text(before, 'ratio')} before" if before is not None else ""
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
        return answer(view, float(len(slices)), "replay", detail=", ".join(one.slice for one in slices))

    return read


def version_gap(view: View) -> Answer:
    """Similarity of the version that serves now against the one that served before, by version label."""
    family = "answer_similarity_ratio"
    now_by = view.gauge(family, When.NOW, ("version",))
    before_by = view.gauge(family, When.BEFORE, ("version",))
    fresh = [version for (version,) in now_by if (version,) not in before_by]
    gone = [version for (version,) in before_by if version not in fresh]
    if not fresh or not gone:
        return answer(view, None, family, reason="one version serves now and served before")
    now = similarity_at(view, When.NOW, fresh[0])
    before = similarity_at(view, When.BEFORE, gone[0])
    value = measures.growth(before, now)
    detail = "" if value is None or now is None or before is None else f"{gone[0]} {before:.3f}, {fresh[0]} {now:.3f}"
    return answer(view, value, family, detail=detail)


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
