"""Answers slice by slice and region by region: which part fell, and did the others?"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from statistics import median

from incidents.diagnosis import measures
from incidents.diagnosis.evidence import Answer
from incidents.diagnosis.readings import Reader, answer
from incidents.diagnosis.signals import text
from incidents.diagnosis.view import View, When, Window

#: Fewer answers say nothing of a slice. Canaries are rare: slices are judged since the impact began, not over five minutes.
LEAST_ANSWERS = 3
Levels = Callable[[View, Window, str], Mapping[str, float]]


def similarity(view: View, when: Window, by: str) -> dict[str, float]:
    """Mean cosine by slice or region: from counters where a source has them, else from the gauge."""
    return ratio("answer_similarity_sum_total", "answer_similarity_samples_total")(view, when, by) or {
        key: one.mean
        for (key,), one in view.gauge("answer_similarity_ratio", when, (by,)).items()
        if one.mean is not None
    }


def ratio(part: str, whole: str) -> Callable[[View, Window, str], dict[str, float]]:
    def read(view: View, when: Window, by: str) -> dict[str, float]:
        counted = view.increments(whole, when, (by,))
        parts = view.increments(part, when, (by,))
        return {key: parts.get((key,), 0.0) / count for (key,), count in counted.items() if count >= LEAST_ANSWERS}

    return read


def wrong(view: View, when: Window, by: str) -> dict[str, float]:
    right = ratio("answer_right_total", "answer_asserted_total")(view, when, by)
    return {name: 1 - share for name, share in right.items()}


def falls(view: View, levels: Levels, by: str, sign: float = 1.0) -> dict[str, float]:
    now, before = levels(view, When.SINCE, by), levels(view, When.BEFORE, by)
    return {name: sign * (before[name] - now[name]) for name in now if name in before}


def _worst(found: Mapping[str, float]) -> str:
    return max(found, key=lambda name: (found[name], name))


def worst_fall(levels: Levels, family: str, unit: str, sign: float = 1.0) -> Reader:
    """The slice that lost most (sign 1), or whose share rose most (-1)."""

    def read(view: View) -> Answer:
        found = falls(view, levels, "slice", sign)
        if not found:
            return answer(view, None, family, reason="too few answers by slice now or before")
        worst = _worst(found)
        now = levels(view, When.SINCE, "slice")[worst]
        return answer(view, found[worst], family, detail=f"{worst or 'unnamed'}, now {text(now, unit)}")

    return read


def others_fall(levels: Levels, family: str, sign: float = 1.0) -> Reader:
    def read(view: View) -> Answer:
        found = falls(view, levels, "slice", sign)
        others = [value for name, value in found.items() if name != _worst(found)] if found else []
        value = median(others) if others else None
        return answer(view, value, family, reason="fewer than two slices are told", detail=f"{len(others)} slices")

    return read


def region_gap(view: View) -> Answer:
    now = similarity(view, When.SINCE, "region")
    if len(now) < 2:
        return answer(view, None, "answer_similarity_ratio", reason="canaries answer from fewer than two regions")
    worst = min(now, key=lambda region: (now[region], region))
    others = median(value for region, value in now.items() if region != worst)
    detail = f"{worst} {now[worst]:.3f}, the others {others:.3f}"
    return answer(view, others - now[worst], "answer_similarity_ratio", detail=detail)


def drift_slices(view: View) -> Answer:
    """Slices for which the probe's own sequential test says: drift found (its false alarms are counted there)."""
    states = view.gauge("answer_drift_state", When.LATEST, ("slice", "state"))
    if not states:
        return answer(view, None, "answer_drift_state", reason="no probe judges drift here")
    found = sorted({name for (name, state), one in states.items() if state == "found" and one.n > 0})
    return answer(view, float(len(found)), "answer_drift_state", detail=", ".join(found[:5]))


def _retrieval(view: View, when: When) -> float | None:
    samples = view.increments("retrieval_similarity_samples_total", when).get(())
    exact = measures.share(view.increments("retrieval_similarity_sum_total", when).get(()), samples)
    gauge = view.gauge("retrieval_similarity_ratio", when).get(())
    return exact if exact is not None else gauge.mean if gauge is not None else None


def retrieval_similarity(view: View) -> Answer:
    value = _retrieval(view, When.SINCE)
    return answer(view, value, "retrieval_similarity_ratio", reason="no retrieved passages in the window")


def retrieval_fall(view: View) -> Answer:
    now, before = (_retrieval(view, when) for when in (When.SINCE, When.BEFORE))
    reason = "no retrieved passages now or before"
    return answer(view, measures.growth(before, now), "retrieval_similarity_ratio", reason=reason)
